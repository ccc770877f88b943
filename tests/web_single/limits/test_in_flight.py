"""More requests than a worker may have in flight."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from web_single.limits.in_flight import InFlightLimit

from ..load import BODY, HEAD, Load
from ..running import Service, answer_on

APP = FastAPI()
APP.state.error_fields = {}
PROTOCOL_PROBES = ("/v2/health/live", "/v2/health/ready", "/v2/models/iris/ready", "/v2/models/iris/versions/1/ready")
REFUSALS = 'refused_requests_total{reason="overloaded"}'


async def burst(limited_app: InFlightLimit, size: int, path: str = "/predict") -> list[int]:
    """Send `size` requests in one iteration of the event loop; return their statuses in order."""
    statuses: list[int] = []

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    await asyncio.gather(*[limited_app({"type": "http", "path": path, "app": APP}, None, send) for _ in range(size)])  # type: ignore[arg-type]
    return [status for status in statuses if status]


async def answering(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200})


def limited(limit: int) -> InFlightLimit:
    return InFlightLimit(answering, limit, {"/health", "/ready", "/metrics"})


def test_of_requests_that_arrive_at_once_the_first_are_answered_and_the_rest_refused() -> None:
    limited_app = limited(4)

    async def two_bursts() -> list[list[int]]:
        return [await burst(limited_app, 10), await burst(limited_app, 3)]

    assert asyncio.run(two_bursts()) == [[200] * 4 + [503] * 6, [200] * 3]


def test_probes_and_metrics_are_never_refused() -> None:
    for path in ("/health", "/ready", "/metrics"):
        assert asyncio.run(burst(limited(1), 5, path)) == [200] * 5


def test_with_every_slot_in_use_the_next_request_is_refused_before_its_body_and_probes_are_answered(
    service: Callable[..., Service],
) -> None:
    running = service("--workers", "1", MAX_IN_FLIGHT="3", BODY_TIMEOUT="100")
    with contextlib.ExitStack() as stack:
        holders = [stack.enter_context(begun(running.port)) for _ in range(3)]
        late = stack.enter_context(socket.create_connection(("127.0.0.1", running.port)))
        late.sendall(HEAD + b"\r\n")  # and no body
        refusal = answer_on(late)
        assert (refusal.status, refusal.headers["retry-after"], b"3 requests in flight" in refusal.body) == (
            503,
            "1",
            True,
        )
        for path in ("/health", "/ready", "/metrics", *PROTOCOL_PROBES):
            assert running.http.get(path).status_code == 200, path
        assert running.http.get("/v2/models/rose/ready").status_code == 503
        for holder in holders:
            holder.sendall(BODY)
            assert answer_on(holder).status == 200
    assert (running.predict(), running.metric(REFUSALS)) == (200, 2)


def begun(port: int) -> socket.socket:
    """Return the connection of a request whose handler waits for the body."""
    caller = socket.create_connection(("127.0.0.1", port))
    caller.sendall(HEAD + b"expect: 100-continue\r\n\r\n")
    assert b"100 Continue" in caller.recv(1000)
    return caller


def test_under_overload_every_request_is_answered_or_refused_and_both_are_counted(
    service: Callable[..., Service],
) -> None:
    running = service("--workers", "1", MAX_IN_FLIGHT="2")
    with Load(running.port, lasting=32, fresh=0, total=2000) as load:
        load.wait()
    assert (load.failures, set(load.statuses), sum(load.statuses.values())) == ([], {200, 503}, 2000)
    counted = Counter({200: int(running.metric("predicted_rows_total")), 503: int(running.metric(REFUSALS))})
    assert counted == load.statuses
