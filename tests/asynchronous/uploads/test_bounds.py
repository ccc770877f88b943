"""The bounds of all uploads together, and of an upload that stalls."""

import asyncio

import httpx

from asynchronous.app import create_app
from asynchronous.uploads import bounds

from ..conftest import PNG, png


def test_the_memory_of_all_uploads_is_bounded(monkeypatch, redis_url):
    monkeypatch.setenv("REDIS_URL", redis_url)
    image, arrived, rest = png(), asyncio.Semaphore(0), asyncio.Event()
    monkeypatch.setattr(bounds, "MAX_BYTES", 2 * len(image))

    async def slowly():
        yield image[:-1]
        arrived.release()
        await rest.wait()
        yield image[-1:]

    async def post(client, content):
        return (await client.post("/predict", content=content, headers=PNG)).status_code

    async def post_four(app):
        transport = httpx.ASGITransport(app)
        async with app.state.queue.redis, httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            slow = [asyncio.create_task(post(client, slowly())) for _ in range(2)]
            for _ in slow:
                await arrived.acquire()
            refused = await post(client, image)
            rest.set()
            return refused, await asyncio.gather(*slow), await post(client, image), app.state.uploads.bytes

    assert asyncio.run(post_four(create_app())) == (503, [202, 202], 202, 0)


def test_an_upload_that_stalls_is_ended(monkeypatch):
    monkeypatch.setattr(bounds, "STALL_SECONDS", 0.2)

    async def half():
        yield png()
        await asyncio.Event().wait()

    async def post_half():
        transport = httpx.ASGITransport(create_app())
        async with asyncio.timeout(60), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            return await client.post("/predict", content=half(), headers=PNG)

    answer = asyncio.run(post_half())
    assert (answer.status_code, answer.json()["detail"]) == (408, "image: nothing came for 0.2 s")
    assert answer.headers["connection"] == "close"
