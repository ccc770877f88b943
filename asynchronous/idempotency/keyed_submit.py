"""Submit the job of a request that has the header `Idempotency-Key`."""

import hashlib
import uuid
from collections.abc import Callable
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request

from ..api import job_queue
from ..errors import InvalidValue, ServiceError, documented
from ..job_queue import JobQueue, QueueFull
from .keys import KEY

NAME, MAX_LENGTH = "Idempotency-Key", 255
_SCHEMA = {"type": "string", "minLength": 1, "maxLength": MAX_LENGTH}
_PARAMETER = {"name": NAME, "in": "header", "description": "Names this upload: one key, one job.", "schema": _SCHEMA}


class KeyReused(ServiceError):
    """This Idempotency-Key belongs to a job with another image or callback URL; the job was not accepted."""

    status = 409


def add_keys(app: FastAPI) -> None:
    """Submit the jobs of requests with a key by `submit_with_key`."""
    app.state.submit = _submit_with_key_if_any
    app.openapi = _with_key(app.openapi)  # type: ignore[method-assign]  # FastAPI's documented way to extend it


async def _submit_with_key_if_any(request: Request, image: bytes, tasks: BackgroundTasks) -> str:
    key = request.headers.get(NAME)
    if key is None:
        job_id: str = await request.app.state.submit_without_key(request, image, tasks)
        return job_id
    if not 1 <= len(key) <= MAX_LENGTH:
        raise InvalidValue(f"{NAME}: String should have at most {MAX_LENGTH} characters and at least 1")
    queue, fields = await job_queue(request), getattr(request.state, "fields", "")
    return await submit_with_key(queue, uuid.uuid4().hex, image, key, fields)


async def submit_with_key(queue: JobQueue, job_id: str, image: bytes, key: str, fields: str = "") -> str:
    """Submit a job, and return its id or the id of the earlier job with the same image, `fields` and `key`.

    Raises:
        QueueFull, KeyReused: nothing was stored.
    """
    name, fingerprint = [hashlib.sha256(text).hexdigest() for text in (key.encode(), image + fields.encode())]
    name = f"{queue.keys.prefix}{name}{KEY}"

    async def submit() -> bytes:
        first = await queue.call(lambda: queue.redis.hget(name, "job_id")) or b""
        jobs = [job_id, *filter(None, [first.decode()])]
        answer: bytes = await queue.run(
            "submit_with_key", job_id, image, fields, name, fingerprint, first, jobs=jobs, keys=[name]
        )
        return answer if answer != b"again" else await submit()

    answer = await submit()
    if answer == b"full":
        raise QueueFull("queue: MAX_QUEUED_JOBS are in it, try again later")
    if answer == b"conflict":
        raise KeyReused("idempotency-key: belongs to a job with another image or callback URL")
    return answer.decode()


def _with_key(openapi: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    def with_key() -> dict[str, Any]:
        document = openapi()
        predict = document["paths"]["/predict"]["post"]
        parameters = predict.setdefault("parameters", [])
        if _PARAMETER not in parameters:
            parameters.append(_PARAMETER)
        problem = {"application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        for status, answer in documented(KeyReused).items():
            predict["responses"][str(status)] = {"description": answer["description"], "content": problem}
        return document

    return with_key
