import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from starlette.types import Message, Receive, Scope, Send

from web_single.app import build_app
from web_single.limits.bodies import BodyLimits, BodyTooSlow
from web_single.model import Model
from web_single.settings import Settings

from ..conftest import Client

BODY = b'{"data": [[5.1, 3.5, 1.4, 0.2]]}'
POST: Scope = {"type": "http", "method": "POST", "headers": []}


@pytest.fixture
def limited(monkeypatch: pytest.MonkeyPatch, settings: Settings, model: Model) -> Callable[..., Client]:
    """Return an application with the given limits."""

    def build(**limits: object) -> Client:
        for name, value in limits.items():
            monkeypatch.setenv(name.upper(), str(value))
        return Client(build_app(settings, model))

    return build


def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_not(limited: Callable[..., Client]) -> None:
    client = limited(max_body_bytes=len(BODY))
    assert client.send(BODY).status_code == 200
    refused = client.send(BODY + b" ")
    assert (refused.status_code, refused.json()["detail"]) == (413, f"body: larger than the limit of {len(BODY)} bytes")


def test_the_endpoint_reads_no_further_than_the_limit_and_nothing_when_the_length_exceeds_it() -> None:
    read = 0

    async def endless() -> Message:
        nonlocal read
        read += 65_536
        return {"type": "http.request", "body": bytes(65_536), "more_body": True}

    with pytest.raises(Exception, match="larger than the limit of 1000000 bytes"):
        asyncio.run(BodyLimits(read_all, 1_000_000, 10.0)(POST, endless, no_send))
    assert read <= 1_000_000 + 65_536
    read = 0
    for method in ("POST", "GET"):
        announced = POST | {"method": method, "headers": [(b"content-length", b"100000000")]}
        with pytest.raises(Exception, match="larger than the limit of 1000000 bytes"):
            asyncio.run(BodyLimits(read_all, 1_000_000, 10.0)(announced, endless, no_send))
    assert read == 0


def test_a_body_that_never_ends_is_refused_in_time(limited: Callable[..., Client]) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b'{"data": '
        await asyncio.Event().wait()

    refused = limited(body_timeout=0.05).send(stuck())
    assert (refused.status_code, refused.json()["detail"]) == (408, "body: not complete after 0.05 seconds")
    assert refused.headers["connection"] == "close"


def test_metadata_shows_the_limit(limited: Callable[..., Client]) -> None:
    assert limited(max_body_bytes=77).get("/metadata").json()["max_body_bytes"] == 77


def test_each_of_many_requests_has_its_own_deadline() -> None:
    async def one(limits: BodyLimits, begin: float) -> float:
        await asyncio.sleep(begin)
        began = asyncio.get_running_loop().time()
        with pytest.raises(BodyTooSlow, match="not complete"):
            await limits(POST, forever, no_send)
        return asyncio.get_running_loop().time() - began

    async def all_of_them() -> list[float]:
        limits = BodyLimits(read_all, 1000, 0.3)
        return await asyncio.gather(*(one(limits, begin) for begin in (0, 0.1, 0.2, 0.5)))

    waited = asyncio.run(all_of_them())
    assert 0.299 <= min(waited) <= max(waited) < 60


def test_the_deadline_is_for_the_whole_body_and_not_for_each_part() -> None:
    async def slowly() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(BodyTooSlow, match="not complete"):
        asyncio.run(BodyLimits(read_all, 1000, 0.2)(POST, slowly, no_send))


def test_a_request_that_is_cancelled_for_another_reason_is_not_late() -> None:
    async def cancelled() -> None:
        reading = asyncio.ensure_future(as_coroutine(BodyLimits(read_all, 1000, 60)(POST, forever, no_send)))
        await asyncio.sleep(0)
        reading.cancel()
        await reading

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())


async def as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    while (await receive()).get("more_body"):
        pass


async def forever() -> Message:
    await asyncio.Event().wait()
    raise AssertionError


async def no_send(message: Message) -> None:
    raise AssertionError
