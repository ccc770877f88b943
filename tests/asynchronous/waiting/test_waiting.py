"""Waiting clients, their subscription, and the places of pending jobs."""

import asyncio
import contextlib
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from asynchronous import keys
from asynchronous.waiting import subscription
from asynchronous.waiting.channels import ENDED
from local import servers
from local.processes import wait_until

from ..conftest import SEVEN, Consumer, cpu_seconds, opened, post


def test_a_pending_job_knows_its_place(make, store):
    queue, consumer = make(batch_size=2)
    jobs = [queue.put() for _ in range(5)]
    assert [queue.read(job_id).queue_position for job_id in jobs] == [1, 2, 3, 4, 5]
    one = consumer()
    one.claim(1)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [None, None, 1, 2, 3]
    one.release("a fault", counted=True)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [1, 2, 3, 4, 5]
    one.claim(1)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [None, 1, 2, 3, 4]


def test_jobs_that_expired_in_the_queue_have_no_place(make, store):
    queue, _ = make()
    late = [queue.put() for _ in range(3)]
    for job_id in late:
        store.hset(f"{job_id}_job", "expires_at", 0)
    assert [queue.read(job_id).queue_position for job_id in [*late, queue.put()]] == [None, None, None, 1]


def test_a_job_that_is_read_and_not_started_is_next(make, store):
    queue, consumer = make()
    jobs = [queue.put() for _ in range(2)]
    one = consumer("a")
    store.xreadgroup("workers", "b", {"jobs": ">"}, count=1)
    one.claim(1)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [1, None]


def test_a_follower_sees_each_state_of_a_job(make):
    queue, consumer = make()
    job_id, one = queue.put(), consumer()
    steps = [
        lambda: one.claim(1),
        lambda: one.release("a fault", counted=True),
        lambda: one.finish(one.claim(1), [SEVEN]),
    ]

    async def follow():
        async with opened(queue.settings) as shared, asyncio.timeout(60):
            async for job in shared.follow(await shared.read(job_id)):
                yield (job.status, job.attempts, job.reason)
                await asyncio.to_thread(steps.pop(0) if steps else int)

    async def states():
        return [state async for state in follow()]

    first, second, third, *_, last = asyncio.run(states())
    assert [first, second, third] == [("pending", 0, None), ("running", 1, None), ("pending", 1, "a fault")]
    assert last == ("done", 2, None)


def test_a_wait_ends_as_soon_as_the_job_does(make):
    queue, consumer = make()
    job_id = queue.put()

    async def wait_and_finish():
        one = consumer()
        async with opened(queue.settings) as shared, asyncio.timeout(60):
            waits = [asyncio.create_task(shared.wait(job_id, 600)) for _ in range(200)]
            await asyncio.sleep(0.1)  # most of them wait by now, and those who do not will read that it is done
            await asyncio.to_thread(lambda: one.finish(one.claim(1), [SEVEN]))
            return {job.label for job in await asyncio.gather(*waits)}

    assert asyncio.run(wait_and_finish()) == {"7"}


def test_a_job_that_ends_while_the_subscription_is_broken_ends_the_wait(make, store, settings):
    queue, consumer = make()
    job_id = queue.put()
    [claim] = consumer().claim(1)

    async def wait_and_break():
        async with opened(queue.settings) as shared, asyncio.timeout(60):
            wait = asyncio.create_task(shared.wait(job_id, 600))
            await asyncio.to_thread(wait_until, lambda: store.pubsub_numsub(ENDED)[0][1])
            with store.pipeline() as both:
                both.client_kill_filter(_type="pubsub")
                script = keys.Script(settings())
                declared = script.keys.of_step([claim.job_id])
                end = claim.job_id, claim.entry, claim.started_at, 1, "done", "label", "7"
                both.eval(script.text, len(declared), *declared, "finish", json.dumps([end]))
                both.execute()
            return await wait

    assert asyncio.run(wait_and_break()).label == "7"


def test_a_message_of_another_application_does_not_end_the_subscription(make, store):
    queue, consumer = make()
    job_id, one = queue.put(), consumer()
    claims = one.claim(1)

    async def publish_and_finish():
        async with opened(queue.settings) as shared, asyncio.timeout(60):
            wait = asyncio.create_task(shared.wait(job_id, 600))
            await asyncio.to_thread(wait_until, lambda: store.pubsub_numsub(ENDED)[0][1])
            store.publish(ENDED, b"\xff\xfe")
            await asyncio.to_thread(one.finish, claims, [SEVEN])
            return await wait

    assert asyncio.run(publish_and_finish()).label == "7"


def test_closing_the_subscription_ends_while_it_connects(make):
    queue, _ = make()

    async def close_after(seconds):
        async with asyncio.timeout(60), opened(queue.settings):
            await asyncio.sleep(seconds)

    for thousandths in range(8):
        asyncio.run(close_after(thousandths / 2000))


def test_a_wait_ends_when_the_job_expires(make):
    queue, _ = make(job_lifetime=0.3)
    assert queue.wait(queue.put(), 20).status == "expired"


def test_a_wait_reads_rarely_when_the_proxys_clock_is_ahead(make, monkeypatch):
    queue, _ = make()
    job_id = queue.put()
    ahead = time.time() + 3600
    monkeypatch.setattr(subscription.time, "time", lambda: ahead)

    async def count_reads():
        async with opened(queue.settings) as shared:
            read, reads = shared.read, []
            monkeypatch.setattr(shared, "read", lambda job_id: reads.append(job_id) or read(job_id))
            await shared.wait(job_id, 0.5)
        return len(reads)

    assert asyncio.run(count_reads()) <= 4  # one of them when the subscription is there


def test_a_wait_gives_the_job_as_it_is_when_time_is_up(make):
    queue, _ = make()
    assert queue.wait(queue.put(), 0.05).status == "pending"


def test_fifty_waiting_clients_are_answered_when_their_job_is_done(api, finish):
    jobs = [post(api) for _ in range(10)]
    with ThreadPoolExecutor(50) as pool:
        waits = [pool.submit(api.get, f"/job/{job_id}", params={"wait": 30}) for job_id in jobs * 5]
        finish(*[SEVEN] * 10)
        answers = [wait.result() for wait in waits]
    assert {(answer.status_code, answer.json()["label"]) for answer in answers} == {(200, "7")}


def is_idle(pid):
    """Watch a process for a second; return whether it used less than 5 % of a core."""
    before = cpu_seconds(pid)
    time.sleep(1)
    return cpu_seconds(pid) - before < 0.05


def test_five_hundred_waiting_clients_cost_nothing_until_their_job_is_done(proxy, finish):
    program, api = proxy()
    job_id = post(api)
    request = f"GET /job/{job_id}?wait=30 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        callers = [socket.create_connection((api.base_url.host, api.base_url.port)) for _ in range(500)]
        for caller in map(stack.enter_context, callers):
            caller.sendall(request)
        wait_until(lambda: is_idle(program.pid), 20, "all to be waiting")
        finish(SEVEN)
        answers = [caller.makefile("rb").read() for caller in callers]
    assert {(answer[:12], answer.count(b'"label":"7"')) for answer in answers} == {(b"HTTP/1.1 200", 1)}


def test_a_client_that_waits_while_redis_restarts_is_answered_at_the_end(proxy, tmp_path, settings):
    port, data = servers.free_port(), tmp_path / "redis"
    keep = ("--appendonly", "yes", "--appendfsync", "always")
    server = servers.redis_server(port, data, *keep).wait_ready()
    url = f"redis://127.0.0.1:{port}/0"
    _, api = proxy(REDIS_URL=url)
    job_id = post(api)
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(api.get, f"/job/{job_id}", params={"wait": 30})
        server.kill()
        server = servers.redis_server(port, data, *keep).wait_ready()
        consumer = Consumer(settings().model_copy(update={"redis_url": url}), "test")
        consumer.finish(consumer.claim(5), [SEVEN])
        answer = wait.result()
    assert answer.json().get("label") == "7" or answer.status_code == 503
    assert api.get(f"/job/{job_id}").json()["label"] == "7"
    server.stop()
