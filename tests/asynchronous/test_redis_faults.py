"""A Redis that is demoted, or that restarts again and again."""

import asyncio
import contextlib

import pytest
import redis

from asynchronous.errors import RedisAway
from local import servers

from .conftest import Consumer, ids, opened


@pytest.fixture
def pair(tmp_path, settings, free_port):
    """Two Redis under one name; return settings for the name, and a function that demotes the first for the second."""
    name, ports = tmp_path / "name", [free_port(), free_port()]
    options = [("--unixsocket", str(tmp_path / f"{port}.sock")) for port in ports]
    started = [servers.redis_server(port, tmp_path / str(port), *options[n]) for n, port in enumerate(ports)]
    first, second = [program.wait_ready() and option[1] for program, option in zip(started, options, strict=True)]
    name.symlink_to(first)

    def fail_over():
        name.unlink()
        name.symlink_to(second)
        with redis.Redis(port=ports[0]) as client:
            client.replicaof("127.0.0.1", ports[1])

    yield settings().model_copy(update={"redis_url": f"unix://{name}"}), fail_over
    for program in started:
        program.stop()


def test_proxy_and_worker_leave_a_redis_that_was_demoted(pair):
    chosen, fail_over = pair
    one = Consumer(chosen, "a")

    async def submit_after():
        async with opened(chosen) as queue:
            await queue.submit("a" * 32, b"image")
            assert len(one.claim(1)) == 1
            fail_over()
            for _ in range(2):  # the first may still reach the one that was demoted
                with contextlib.suppress(RedisAway):
                    await queue.submit("b" * 32, b"image")
            for _ in range(2):
                with contextlib.suppress(RedisAway):
                    one.release("Redis went away", counted=False)
            return await queue.read("b" * 32), one.claim(1)

    job, claims = asyncio.run(submit_after())
    assert (job.status, ids(claims)) == ("pending", ["b" * 32])


def test_a_redis_that_restarts_again_and_again_is_away(make, store, monkeypatch):
    one = make()[1]()
    one.join()
    load = one.redis.script_load
    monkeypatch.setattr(one.redis, "script_load", lambda script: [load(script), store.script_flush()][0])
    store.script_flush()
    with pytest.raises(RedisAway):
        one.renew()
