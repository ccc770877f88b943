import asyncio
import contextlib
import threading
import time
import uuid

import pytest
import redis

from asynchronous import consumer, keys, schemas
from asynchronous.child import Signs
from asynchronous.consumer import Consumer, Result
from asynchronous.job_queue import JobQueue, KeyReused, QueueFull
from asynchronous.loop import Loop
from local import servers
from local.processes import wait_until

SEVEN = Result("7", 0.9)


class Queue:
    """The proxy's side, one call at a time."""

    def __init__(self, settings):
        self.settings = settings

    def __getattr__(self, name):
        async def call(*args):
            queue = JobQueue(self.settings)
            async with queue.listening():
                return await getattr(queue, name)(*args)

        return lambda *args: asyncio.run(call(*args))

    def put(self, image=b"image"):
        job_id = uuid.uuid4().hex
        self.submit(job_id, image)
        return job_id


@pytest.fixture
def make(settings):
    """Return a queue and a function that makes consumers, all with the same settings."""

    def make(**changes):
        chosen = settings(**changes)
        return Queue(chosen), lambda name="a": Consumer(chosen, name)

    return make


def ids(jobs):
    return [job.job_id for job in jobs]


def lapse(store, job_id):
    """Let the lease of a job lapse without waiting for it."""
    entry = store.hget(job_id + keys.RECORD, "entry")
    store.xclaim("jobs", "workers", "gone", 0, [entry], idle=10**6, justid=True)


def test_a_job_is_stored_whole_and_its_image_unchanged(make, store, redis_url):
    queue, consumer = make()
    image = bytes(range(256)) * 9
    job_id = queue.put(image)
    assert redis.Redis.from_url(redis_url).get(f"{job_id}_image") == image
    assert (store.hget(f"{job_id}_job", "status"), store.xlen("jobs")) == ("pending", 1)
    assert min(store.ttl(key) for key in ("jobs", f"{job_id}_job", f"{job_id}_image")) > 300
    assert [job.image for job in consumer().claim(1)] == [image]


def test_submitting_again_after_a_lost_answer_makes_no_second_job(make, store):
    queue, _ = make()
    job_id = queue.put()
    queue.submit(job_id, b"image")
    assert store.xlen("jobs") == 1


def test_one_key_makes_one_job_as_long_as_that_job_is_known(make, store):
    queue, _ = make()
    first = queue.submit(uuid.uuid4().hex, b"image", "key")
    assert queue.submit(uuid.uuid4().hex, b"image", "key") == first
    with pytest.raises(KeyReused):
        queue.submit(uuid.uuid4().hex, b"another image", "key")
    assert store.xlen("jobs") == 1
    store.delete(f"{first}_job")
    assert queue.submit(uuid.uuid4().hex, b"image", "key") != first


def test_a_key_is_answered_also_when_the_queue_is_full(make):
    queue, _ = make(max_queued_jobs=1)
    first = queue.submit(uuid.uuid4().hex, b"image", "key")
    assert queue.submit(uuid.uuid4().hex, b"image", "key") == first
    with pytest.raises(QueueFull):
        queue.submit(uuid.uuid4().hex, b"image", "another key")


def test_a_pending_job_knows_its_place(make, store):
    queue, consumer = make(batch_size=2)
    jobs = [queue.put() for _ in range(5)]
    assert [queue.read(job_id).queue_position for job_id in jobs] == [1, 2, 3, 4, 5]
    one = consumer()
    one.claim(1)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [None, None, 1, 2, 3]
    one.give_back("a fault", counted=True)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [1, 2, 3, 4, 5]
    one.claim(1)
    assert [queue.read(job_id).queue_position for job_id in jobs] == [None, 1, 2, 3, 4]


def test_jobs_that_expired_while_they_waited_are_not_in_anyones_way(make, store):
    queue, _ = make()
    late = [queue.put() for _ in range(3)]
    for job_id in late:
        store.hset(f"{job_id}_job", "expires_at", 0)
    assert [queue.read(job_id).queue_position for job_id in [*late, queue.put()]] == [None, None, None, 1]


def test_who_follows_a_job_sees_each_of_its_states(make):
    queue, consumer = make()
    job_id, one = queue.put(), consumer()
    steps = [
        lambda: one.claim(1),
        lambda: one.give_back("a fault", counted=True),
        lambda: one.finish(one.claim(1), [SEVEN]),
    ]

    async def follow():
        shared = JobQueue(queue.settings)
        async with shared.listening(), asyncio.timeout(10):
            async for job in shared.follow(await shared.read(job_id)):
                yield (job.status, job.attempts, job.reason)
                await asyncio.to_thread(steps.pop(0) if steps else int)

    async def states():
        return [state async for state in follow()]

    first, second, third, *_, last = asyncio.run(states())
    assert [first, second, third] == [("pending", 0, None), ("running", 1, None), ("pending", 1, "a fault")]
    assert last == ("done", 2, None)


def test_jobs_are_claimed_in_order_of_arrival_and_up_to_a_batch(make):
    queue, consumer = make(batch_size=3)
    jobs = [queue.put() for _ in range(5)]
    assert ids(consumer("a").claim(1)) == jobs[:3]
    assert ids(consumer("b").claim(1)) == jobs[3:]
    assert consumer("b").claim(0.01) == []


def test_a_batch_of_large_images_is_cut_short(make, monkeypatch):
    queue, make_consumer = make()
    jobs = [queue.put(b"x" * 600) for _ in range(4)]
    monkeypatch.setattr(consumer, "MAX_BATCH_BYTES", 1000)
    assert ids(make_consumer().claim(1)) == jobs[:2]


def test_a_blocked_claim_returns_as_soon_as_there_is_a_job(make):
    queue, consumer = make()
    claimed = []
    thread = threading.Thread(target=lambda: claimed.extend(consumer().claim(30)))
    thread.start()
    job_id = queue.put()
    thread.join(10)
    assert ids(claimed) == [job_id]


def test_a_finished_job_leaves_only_its_result(make, store):
    queue, consumer = make()
    job_id = queue.put()
    one = consumer()
    one.finish(one.claim(1), [SEVEN])
    job = queue.read(job_id)
    assert (job.status, job.label, job.probability, job.attempts) == ("done", "7", 0.9, 1)
    assert job.accepted_at <= job.started_at <= job.finished_at
    assert not store.exists(f"{job_id}_image")
    assert store.xlen("jobs") == 0
    assert store.xpending("jobs", "workers")["pending"] == 0


def test_a_refused_image_is_a_failed_job_and_no_dead_letter(make, store):
    queue, consumer = make()
    job_id = queue.put()
    one = consumer()
    one.finish(one.claim(1), [Result(refused="not an image")])
    assert (queue.read(job_id).status, queue.read(job_id).reason) == ("failed", "not an image")
    assert store.xlen("dead_letters") == 0
    assert not store.exists(f"{job_id}_image")


def test_everything_in_redis_has_a_lifetime(make, store):
    queue, consumer = make()
    one, jobs = consumer(), [queue.put() for _ in range(4)]
    first, second, *_ = one.claim(1)
    one.finish([first, second], [SEVEN, Result(refused="no")])
    store.hset(f"{jobs[2]}_job", "expires_at", 0)
    assert queue.read(jobs[2]).status == "expired"
    names = store.keys()
    assert len(names) == 4 + 2 + 3  # records; one image in hand, one of a dead letter; two streams, the totals
    assert all(store.ttl(key) > 0 for key in names)


def test_redis_is_as_empty_as_before_when_all_lifetimes_are_over(make, put, store):
    lifetimes = {"job_lifetime": 2, "result_lifetime": 0.2, "dead_letter_lifetime": 0.2}
    queue, consumer = make(**lifetimes)
    one = consumer()
    one.claim(0.001)
    before = store.info("memory")["used_memory"]
    put(*[bytes(200_000)] * 50, **lifetimes)
    queue.submit(uuid.uuid4().hex, b"image", "key")
    assert store.info("memory")["used_memory"] - before > 9_000_000
    one.finish(one.claim(1)[:20], [SEVEN] * 20)
    wait_until(lambda: store.keys() == ["job_counters"], 10, "the keys to go")
    wait_until(lambda: store.info("memory")["used_memory"] - before < 500_000, 10, "the memory to be given back")


def test_the_queue_never_holds_more_than_its_limit(make, store, settings):
    queue, _ = make(max_queued_jobs=10)

    async def post_at_once():
        shared = JobQueue(queue.settings)
        async with shared.listening():
            posts = [shared.submit(uuid.uuid4().hex, b"x") for _ in range(64)]
            return [type(answer) for answer in await asyncio.gather(*posts, return_exceptions=True)]

    answers = asyncio.run(post_at_once())
    assert (answers.count(str), answers.count(QueueFull), store.xlen("jobs")) == (10, 54, 10)
    assert len(store.keys("*_image")) == 10


def test_of_many_who_finish_a_job_exactly_one_does(make, store):
    queue, consumer = make()
    jobs = [queue.put() for _ in range(10)]
    claims = consumer().claim(1)
    seen = {job_id: set() for job_id in jobs}

    def finish(number):
        result = Result(str(number), 0.5) if number % 2 else Result(refused=str(number))
        for claim in claims:
            consumer(str(number)).finish([claim], [result])
            record = store.hgetall(f"{claim.job_id}_job")
            seen[claim.job_id].add((record["status"], record.get("label"), record.get("reason"), record["finished_at"]))

    threads = [threading.Thread(target=finish, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert all(len(states) == 1 for states in seen.values())
    totals = store.hgetall("job_counters")
    assert int(totals.get("done", 0)) + int(totals.get("failed", 0)) == 10


def test_a_lapsed_job_is_taken_up_alone_and_before_new_ones(make, store):
    queue, consumer = make()
    old = [queue.put() for _ in range(2)]
    consumer("a").claim(1)
    new = queue.put()
    [lapse(store, job_id) for job_id in old]
    claims = [consumer("b").claim(1) for _ in range(3)]
    assert [ids(claim) for claim in claims] == [[old[0]], [old[1]], [new]]
    assert [claim[0].again for claim in claims] == [True, True, False]


def test_a_lease_that_is_renewed_does_not_lapse(make):
    queue, consumer = make(lease=0.4)
    queue.put()
    one, until = consumer("a"), time.monotonic() + 1.2
    one.claim(1)
    while time.monotonic() < until:
        one.renew()
        assert consumer("b").claim(0.05) == []
    wait_until(lambda: consumer("b").claim(0.05), 5, "the lease to lapse")


def test_after_three_attempts_a_job_fails_and_is_kept_with_its_reason(make, store):
    queue, consumer = make()
    job_id, one = queue.put(b"poison"), consumer()
    for _ in range(3):
        assert ids(one.claim(1)) == [job_id]
        one.give_back("its worker process died", counted=True)
    assert one.claim(0.01) == []
    job = queue.read(job_id)
    assert (job.status, job.attempts) == ("failed", 3)
    [(_, letter)] = store.xrange("dead_letters")
    assert letter == {"job_id": job_id, "status": "failed", "reason": job.reason, "attempts": "3"}
    assert "3 attempts: its worker process died" in job.reason
    assert store.get(f"{job_id}_image") == "poison"


def test_an_attempt_that_was_not_the_jobs_doing_is_not_counted(make):
    queue, consumer = make()
    jobs, one = [queue.put() for _ in range(2)], consumer()
    for _ in range(5):
        one.claim(1)
        one.give_back("the serving program is away", counted=False)
        one.give_back("said twice", counted=False)
    assert (queue.read(jobs[0]).status, queue.read(jobs[0]).attempts) == ("pending", 0)
    assert [ids(one.claim(1)), ids(one.claim(1))] == [[jobs[0]], [jobs[1]]]
    assert queue.read(jobs[0]).attempts == 1


def test_a_job_that_is_over_its_lifetime_is_not_taken_up(make, store):
    queue, consumer = make()
    jobs = [queue.put(b"late") for _ in range(3)]
    for job_id in jobs:
        store.hset(f"{job_id}_job", "expires_at", 0)
    assert consumer().claim(0.01) == []
    assert store.xlen("jobs") == 0
    assert [queue.read(job_id).status for job_id in jobs] == ["expired"] * 3
    assert [letter["status"] for _, letter in store.xrange("dead_letters")] == ["expired"] * 3


def test_jobs_that_no_worker_came_for_expire_and_make_room(make, store):
    queue, _ = make(job_lifetime=0.001, max_queued_jobs=2)
    jobs = [queue.put() for _ in range(2)]
    time.sleep(0.01)  # they are over their lifetime now
    new = queue.put()
    assert [letter["job_id"] for _, letter in store.xrange("dead_letters")] == jobs
    assert [entry["job_id"] for _, entry in store.xrange("jobs")] == [new]


def test_a_job_that_lives_ends_the_search_for_those_that_expired(make, store):
    queue, consumer = make()
    jobs = [queue.put() for _ in range(4)]
    consumer().claim(1)
    for job_id in (jobs[0], jobs[3]):
        store.hset(f"{job_id}_job", "expires_at", 0)
    queue.put()
    assert [store.hget(f"{job_id}_job", "status") for job_id in jobs] == ["expired", *["running"] * 3]


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
        queue = JobQueue(chosen)
        async with queue.listening():
            await queue.submit("a" * 32, b"image")
            assert len(one.claim(1)) == 1
            fail_over()
            for _ in range(2):  # the first may still reach the one that was demoted
                with contextlib.suppress(*keys.REDIS_AWAY):
                    await queue.submit("b" * 32, b"image")
            with contextlib.suppress(*keys.REDIS_AWAY):
                one.give_back("Redis went away", counted=False)
            return await queue.read("b" * 32), one.claim(1)

    job, claims = asyncio.run(submit_after())
    assert (job.status, ids(claims)) == ("pending", ["b" * 32])


def test_a_redis_that_keeps_starting_anew_is_away(make, store, monkeypatch):
    one = make()[1]()
    one.claim(0.01)
    load = one._redis.script_load
    monkeypatch.setattr(one._redis, "script_load", lambda script: [load(script), store.script_flush()][0])
    store.script_flush()
    with pytest.raises(keys.REDIS_AWAY):
        one.claim(0.01)


def test_an_emptied_redis_is_set_up_again(make, store):
    queue, consumer = make()
    one = consumer()
    assert one.claim(0.01) == []
    store.flushall()
    store.script_flush()
    job_id = queue.put()
    assert ids(one.claim(1)) == [job_id]


def test_consumers_that_left_nothing_behind_are_forgotten(make, store, monkeypatch):
    monkeypatch.setattr(keys, "CONSUMER_LIFETIME", 0.001)
    queue, consumer = make()
    queue.put()
    consumer("holder").claim(1)
    store.xgroup_createconsumer("jobs", "workers", "idler")
    time.sleep(0.01)  # idle for longer than the lifetime above
    consumer("new").join()
    assert [entry["name"] for entry in store.xinfo_consumers("jobs", "workers")] == ["holder"]


def test_a_worker_that_starts_forgets_those_that_left_long_ago(make, store, monkeypatch, fake):
    monkeypatch.setattr(keys, "CONSUMER_LIFETIME", 0.001)
    queue, consumer = make(serving_grpc=fake.target, lease=86_400)
    consumer("left").join()
    store.xgroup_createconsumer("jobs", "workers", "left")
    time.sleep(0.01)  # idle for longer than the lifetime above
    Loop(queue.settings, "new", Signs()).run(0, burst=True)
    assert "left" not in [entry["name"] for entry in store.xinfo_consumers("jobs", "workers")]


def test_figures_count_what_happened(make, store):
    queue, consumer = make(batch_size=2)
    _, one = [queue.put() for _ in range(4)], consumer()
    one.finish(one.claim(1), [SEVEN, Result(refused="no")])
    one.claim(1)
    stats = queue.stats()
    assert {name: stats[name] for name in ("accepted", "done", "failed", "attempts", "batch:2")} == {
        "accepted": 4, "done": 1, "failed": 1, "attempts": 4, "batch:2": 2,
    }  # fmt: skip
    assert (stats["queued"], stats["in_flight"]) == (0, 2)
    assert 0 <= stats["oldest_seconds"] < 60


def test_what_was_given_back_is_queued_and_not_in_flight(make):
    queue, consumer = make(batch_size=2)
    _, one = [queue.put() for _ in range(5)], consumer("a")
    one.claim(1)
    consumer("b").claim(1)
    one.give_back("the serving program is away", counted=False)
    stats = queue.stats()
    assert (stats["queued"], stats["in_flight"]) == (3, 2)


def test_a_wait_ends_as_soon_as_the_job_does(make):
    queue, consumer = make()
    job_id = queue.put()

    async def wait_and_finish():
        shared, one = JobQueue(queue.settings), consumer()
        async with shared.listening(), asyncio.timeout(10):
            waits = [asyncio.create_task(shared.wait(job_id, 30)) for _ in range(200)]
            await asyncio.sleep(0.1)  # most of them wait by now, and those who do not will read that it is done
            await asyncio.to_thread(lambda: one.finish(one.claim(1), [SEVEN]))
            return {job.label for job in await asyncio.gather(*waits)}

    assert asyncio.run(wait_and_finish()) == {"7"}


def test_nobody_starves_however_many_ask(make):
    queue, _ = make()
    job_id, until = queue.put(), time.monotonic() + 2

    async def ask(shared):
        asked = 0
        while time.monotonic() < until:
            await shared.read(job_id)
            asked += 1
        return asked

    async def ask_all():
        shared = JobQueue(queue.settings)
        async with shared.listening():
            return await asyncio.gather(*(ask(shared) for _ in range(200)))

    asked = asyncio.run(ask_all())
    assert min(asked) > max(asked) / 4


def test_who_waits_hears_of_an_end_that_came_while_the_connection_was_broken(make, store, settings):
    queue, consumer = make()
    job_id = queue.put()
    [claim] = consumer().claim(1)

    async def wait_and_break():
        shared = JobQueue(queue.settings)
        async with shared.listening(), asyncio.timeout(10):
            wait = asyncio.create_task(shared.wait(job_id, 30))
            await asyncio.to_thread(wait_until, lambda: store.pubsub_numsub(keys.ENDED)[0][1])
            with store.pipeline() as both:
                both.client_kill_filter(_type="pubsub")
                both.eval(keys.steps(settings()), 0, "finish", claim.job_id, "done", "7", "0.9")
                both.execute()
            return await wait

    assert asyncio.run(wait_and_break()).label == "7"


def test_closing_ends_also_while_it_connects(make):
    queue, _ = make()

    async def close_after(seconds):
        async with asyncio.timeout(5), JobQueue(queue.settings).listening():
            await asyncio.sleep(seconds)

    for thousandths in range(8):
        asyncio.run(close_after(thousandths / 2000))


def test_a_wait_ends_when_the_job_expires(make):
    queue, _ = make(job_lifetime=0.3)
    assert queue.wait(queue.put(), 20).status == "expired"


def test_who_waits_asks_seldom_when_the_proxys_clock_is_ahead(make, monkeypatch):
    queue, _ = make()
    job_id = queue.put()
    ahead = time.time() + 3600
    monkeypatch.setattr(schemas.time, "time", lambda: ahead)

    async def count_reads():
        shared, reads = JobQueue(queue.settings), []
        read = shared.read
        monkeypatch.setattr(shared, "read", lambda job_id: reads.append(job_id) or read(job_id))
        async with shared.listening():
            await shared.wait(job_id, 0.5)
        return len(reads)

    assert asyncio.run(count_reads()) <= 4  # one of them when the subscription is there


def test_a_wait_gives_the_job_as_it_is_when_time_is_up(make):
    queue, _ = make()
    assert queue.wait(queue.put(), 0.05).status == "pending"
