"""Send a job's states as server-sent events."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ..api import JobUnknown, Queue, find_job
from ..errors import InvalidValue, RedisAway, documented
from ..schemas import Job
from .subscription import Subscription

router = APIRouter()
NO_MORE: dict[int | str, dict[str, Any]] = {
    204: {"description": "The job's end was sent on an earlier connection; no more events follow."}
}


def add_events(app: FastAPI) -> None:
    """Let clients that wait for a job be woken by a subscription, and add the endpoint for events."""
    subscription = Subscription(app.state.queue)

    def listening(_: FastAPI) -> AbstractAsyncContextManager[None]:
        return subscription.listening()

    app.state.queue.wait = subscription.wait
    app.state.subscription = subscription
    app.state.contexts.append(listening)
    app.state.at_stop.append(subscription.stop)
    app.include_router(router)


async def _job_to_follow(job_id: str, queue: Queue, last_event_id: Annotated[str, Header()] = "") -> Job:
    found = await find_job(job_id, queue)
    if found.ended and last_event_id == found.status:
        raise HTTPException(204)  # an EventSource reconnects when a stream ends, unless the answer is 204
    return found


@router.get(
    "/job/{job_id}/events",
    response_class=EventSourceResponse,
    responses=NO_MORE | documented(JobUnknown, InvalidValue, RedisAway),
)
async def events(request: Request, found: Annotated[Job, Depends(_job_to_follow)]) -> AsyncIterator[ServerSentEvent]:
    """Send the job now and at each change, as server-sent events; the stream ends with the job."""
    async for state in request.app.state.subscription.follow(found):
        yield ServerSentEvent(data=state.model_dump(mode="json", exclude_none=True), id=state.status)
