"""The steps of the job queue, with real Redis and with both of its sides in the test's process."""

import asyncio
import subprocess
import sys
import threading
import time
import uuid
from ctypes import c_bool

import pytest
import redis

from asynchronous import keys
from asynchronous.consumer import Result
from asynchronous.errors import RedisAway
from asynchronous.job_queue import JobQueue, QueueFull
from asynchronous.loop import Loop
from asynchronous.model import Model
from asynchronous.sharing import batches
from local.processes import wait_until

from .conftest import SEVEN, ids, lapse, opened, run_step


@pytest.fixture(params=[True, False], ids=["quick", "by_record"])
def quick(request):
    return request.param


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


def test_jobs_are_claimed_in_order_of_arrival_and_up_to_a_batch(make):
    queue, consumer = make(batch_size=3)
    jobs = [queue.put() for _ in range(5)]
    assert ids(consumer("a").claim(1)) == jobs[:3]
    assert ids(consumer("b").claim(1)) == jobs[3:]
    assert consumer("b").claim(0.01) == []


def test_a_batch_of_large_images_is_smaller(make, monkeypatch):
    queue, make_consumer = make()
    jobs = [queue.put(b"x" * 600) for _ in range(4)]
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 1000)
    one = make_consumer()
    assert [ids(one.claim(1)) for _ in range(2)] == [jobs[:2], jobs[2:]]


def test_a_blocked_claim_returns_as_soon_as_there_is_a_job(make):
    queue, consumer = make()
    claimed = []
    thread = threading.Thread(target=lambda: claimed.extend(consumer().claim(30)))
    thread.start()
    job_id = queue.put()
    thread.join(60)
    assert ids(claimed) == [job_id]


def test_a_job_whose_image_was_evicted_fails_and_the_rest_of_its_batch_runs(make, store):
    queue, consumer = make()
    jobs = [queue.put() for _ in range(3)]
    store.delete(f"{jobs[0]}_image", f"{jobs[2]}_image")
    assert ids(consumer().claim(1)) == [jobs[1]]
    assert [queue.read(job_id).status for job_id in jobs] == ["failed", "running", "failed"]
    assert queue.read(jobs[0]).reason == "its image is no longer in Redis"
    assert store.xlen("jobs") == 1


def test_a_result_is_stored_as_the_model_gave_it(make, store):
    queue, consumer = make()
    jobs = [queue.put() for _ in range(3)]
    one = consumer()
    label, reason = 'caf\u00e9 "\\" \U0001f600\x00\n', "it's [not] {an} image\t"
    one.finish(one.claim(1), [Result(label, 0.1 + 0.2), Result(refused=reason), Result("", 5e-324)])
    assert store.hget(f"{jobs[0]}_job", "label") == label
    assert [store.hget(f"{jobs[number]}_job", "probability") for number in (0, 2)] == [repr(0.1 + 0.2), "5e-324"]
    assert queue.read(jobs[1]).reason == reason


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
    # Records; the images of a claimed job and of a dead letter; three streams, batches, totals and positions.
    assert len(names) == 4 + 2 + 6
    assert all(store.ttl(key) > 0 for key in names)


def test_redis_is_as_empty_as_before_when_all_lifetimes_are_over(make, put, store, monkeypatch):
    monkeypatch.setenv("DEAD_LETTER_LIFETIME", "0.2")
    lifetimes = {"job_lifetime": 10, "result_lifetime": 0.2}
    queue, consumer = make(**lifetimes)
    one = consumer()
    one.claim(0.001)
    before = store.info("memory")["used_memory"]
    put(*[bytes(200_000)] * 50, **lifetimes)
    queue.submit_with_key(b"image", "key")
    assert store.info("memory")["used_memory"] - before > 9_000_000
    one.finish(one.claim(1)[:20], [SEVEN] * 20)
    wait_until(lambda: set(store.keys()) == {"job_counters"}, 120, "the keys to go")
    wait_until(lambda: store.info("memory")["used_memory"] - before < 500_000, what="the memory to be given back")


def test_the_queue_never_holds_more_than_its_limit(make, store, settings):
    queue, _ = make(max_queued_jobs=10)

    async def post_at_once():
        async with opened(queue.settings) as shared:
            posts = [shared.submit(uuid.uuid4().hex, b"x") for _ in range(64)]
            return [type(answer) for answer in await asyncio.gather(*posts, return_exceptions=True)]

    answers = asyncio.run(post_at_once())
    assert (answers.count(str), answers.count(QueueFull), store.xlen("jobs")) == (10, 54, 10)
    assert len(store.keys("*_image")) == 10


def test_of_many_workers_that_finish_a_job_exactly_one_does(make, store):
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


def test_a_lapsed_job_is_claimed_alone_and_before_new_jobs(make, store):
    queue, consumer = make()
    old = [queue.put() for _ in range(2)]
    consumer("a").claim(1)
    new = queue.put()
    [lapse(store, job_id) for job_id in old]
    claims = [consumer("b").claim(1) for _ in range(3)]
    assert [ids(claim) for claim in claims] == [[old[0]], [old[1]], [new]]
    assert [claim[0].retried for claim in claims] == [True, True, False]


def take(consumer):
    """Read new entries as `consumer` does, before it starts their jobs."""
    return consumer.read(">", 10)


def test_a_consumer_that_lost_its_lease_before_it_started_a_job_does_not_start_it(make, store):
    queue, consumer = make()
    jobs, one, other = [queue.put() for _ in range(2)], consumer("a"), consumer("b")
    entries = take(one)
    lapse(store, jobs[0])
    assert ids(other.claim(1)) == [jobs[0]]
    assert ids(one.start(entries, False)) == [jobs[1]]
    other.release("its worker process died", counted=True)
    assert [queue.read(job_id).attempts for job_id in jobs] == [1, 1]


def test_a_consumer_that_found_a_lapsed_lease_too_late_starts_nothing_and_loses_nothing(make, store):
    queue, consumer = make()
    job_id, one, other = queue.put(), consumer("a"), consumer("b")
    one.claim(1)
    lapse(store, job_id)
    found = other.find_lapsed()
    one.release("a fault", counted=False)
    third = consumer("c").claim(1)
    assert (ids(third), third[0].attempts) == ([job_id], 1)
    assert other.start(found, True) == []
    assert (queue.read(job_id).status, queue.read(job_id).attempts, store.xlen("jobs")) == ("running", 1, 1)


def test_a_consumer_that_dies_before_it_starts_a_lapsed_job_hides_no_attempt(make, store):
    queue, consumer = make()
    job_id = queue.put(b"poison")
    for name in "abc":
        consumer(name).claim(1)
        lapse(store, job_id)
        assert consumer("x").find_lapsed()  # and it dies
        assert queue.read(job_id).status == "running"
    assert consumer("d").claim(0.01) == []
    assert (queue.read(job_id).status, queue.read(job_id).attempts) == ("failed", 3)


def test_attempts_are_those_of_the_record_when_the_first_consumer_finishes_after_all(make, store):
    queue, consumer = make()
    for released in (False, True):
        job_id, one, other = queue.put(), consumer("a"), consumer("b")
        claims = one.claim(1)
        lapse(store, job_id)
        assert other.claim(1)[0].attempts == 2
        if released:
            other.release("a fault", counted=True)
        one.finish(claims, [SEVEN])
        assert (queue.read(job_id).status, queue.read(job_id).attempts) == ("done", 2)
        assert store.xlen("jobs") == store.xpending("jobs", "workers")["pending"] == 0


def test_a_job_that_is_cancelled_before_it_starts_does_not_run(make, store, settings):
    queue, consumer = make()
    jobs, one = [queue.put() for _ in range(2)], consumer()
    entries = take(one)
    assert run_step(store, settings(), "cancel", jobs[0], jobs=jobs[:1]) == "pending"
    assert ids(one.start(entries, False)) == [jobs[1]]
    assert int(store.hget("job_counters", "attempts")) == 1


def test_a_deleted_entry_does_not_hide_other_lapsed_leases(make, store):
    queue, consumer = make()
    jobs = [queue.put() for _ in range(2)]
    consumer("a").claim(1)
    [lapse(store, job_id) for job_id in jobs]
    store.xdel("jobs", store.hget(f"{jobs[0]}_job", "entry"))
    assert consumer("b").claim(0.01) == []
    assert ids(consumer("b").claim(0.01)) == [jobs[1]]


def test_a_second_entry_for_a_job_does_not_hide_other_lapsed_leases(make, store):
    queue, consumer = make()
    job_id = queue.put()
    one = consumer("a")
    store.xreadgroup("workers", "b", {"jobs": ">"})
    store.hset(f"{job_id}_job", "entry", "1-1")  # as if the job had been made again
    [(entry, _)] = store.xrange("jobs")
    store.xclaim("jobs", "workers", "b", 0, [entry], idle=10**6, justid=True)
    assert (one.claim(0.01), store.xlen("jobs")) == ([], 0)


def test_a_new_group_forgets_what_consumers_ran(make, store):
    queue, consumer = make()
    queue.put()
    consumer("a").claim(1)
    store.delete("jobs")
    consumer("b")
    assert store.hgetall("jobs_running") == {}


def test_an_own_lease_that_lapsed_is_another_attempt(make, store):
    queue, consumer = make()
    job_id, one = queue.put(b"slow"), consumer()
    attempts = []
    while claims := one.claim(0.01):
        attempts.append(claims[0].attempts)
        lapse(store, job_id)
    assert attempts == [1, 2, 3]
    assert (queue.read(job_id).status, queue.read(job_id).attempts) == ("failed", 3)


def test_after_three_attempts_a_job_fails_and_its_image_is_kept_with_the_reason(make, store):
    queue, consumer = make()
    job_id, one = queue.put(b"poison"), consumer()
    for _ in range(3):
        assert ids(one.claim(1)) == [job_id]
        one.release("its worker process died", counted=True)
    assert one.claim(0.01) == []
    job = queue.read(job_id)
    assert (job.status, job.attempts) == ("failed", 3)
    [(_, letter)] = store.xrange("dead_letters")
    assert letter | {"job_id": job_id, "status": "failed", "reason": job.reason, "attempts": "3"} == letter
    assert "3 attempts: its worker process died" in job.reason
    assert store.get(f"{job_id}_image") == "poison"


def test_an_attempt_that_failed_for_another_reason_than_the_job_is_not_counted(make):
    queue, consumer = make()
    jobs, one = [queue.put() for _ in range(2)], consumer()
    for _ in range(5):
        one.claim(1)
        one.release("the serving program is away", counted=False)
        one.release("said twice", counted=False)
    assert (queue.read(jobs[0]).status, queue.read(jobs[0]).attempts) == ("pending", 0)
    assert ids(one.claim(1)) == [jobs[0]]
    assert (queue.read(jobs[0]).status, queue.read(jobs[0]).attempts) == ("running", 1)
    assert ids(one.claim(1)) == [jobs[1]]


def test_a_job_that_has_outlived_its_lifetime_is_not_claimed(make, store):
    queue, consumer = make()
    late, _ = make(job_lifetime=0.001)
    jobs = [late.put(b"late"), queue.put(), late.put(b"late")]
    time.sleep(0.01)  # two are over their lifetime now
    assert ids(consumer().claim(1)) == [jobs[1]]
    assert store.xlen("jobs") == 1
    found = [queue.read(job_id) for job_id in jobs]
    assert [(job.status, job.attempts) for job in found] == [("expired", 0), ("running", 1), ("expired", 0)]
    assert [letter["status"] for _, letter in store.xrange("dead_letters")] == ["expired"] * 2


def test_a_result_that_comes_after_the_jobs_lifetime_is_not_kept(make, store):
    queue, consumer = make()
    job_id, one = queue.put(b"late"), consumer()
    claims = one.claim(1)
    claims[0].expires_at = 0
    store.hset(f"{job_id}_job", "expires_at", 0)
    one.finish(claims, [SEVEN])
    job = queue.read(job_id)
    assert (job.status, job.attempts, job.label, job.started_at is None) == ("expired", 1, None, False)
    [(_, letter)] = store.xrange("dead_letters")
    assert (letter["job_id"], letter["attempts"]) == (job_id, "1")


def test_a_job_runs_only_while_its_consumer_has_started_it(make, store):
    queue, consumer = make()
    job_id = queue.put()
    store.xgroup_create("jobs", "workers", "0", mkstream=True)
    store.xreadgroup("workers", "a", {"jobs": ">"})  # delivered, and not started
    assert (queue.read(job_id).status, queue.read(job_id).attempts) == ("pending", 0)
    lapse(store, job_id)
    claims = consumer("b").claim(1)
    assert (ids(claims), claims[0].attempts) == ([job_id], 1)
    lapse(store, job_id)
    claims = consumer("c").claim(1)
    assert (claims[0].attempts, queue.read(job_id).attempts) == (2, 2)
    consumer("c").release("a fault", counted=False)
    job = queue.read(job_id)
    assert (job.status, job.attempts, job.reason, job.started_at is None) == ("pending", 1, "a fault", False)


def test_jobs_in_a_queue_without_workers_expire_and_make_room(make, store):
    queue, _ = make(job_lifetime=0.001, max_queued_jobs=2)
    jobs = [queue.put() for _ in range(2)]
    time.sleep(0.01)  # they are over their lifetime now
    queue.end_expired()
    new = queue.put()
    assert [letter["job_id"] for _, letter in store.xrange("dead_letters")] == jobs
    assert [entry["job_id"] for _, entry in store.xrange("jobs")] == [new]


def test_an_open_job_ends_the_search_for_expired_jobs(make, store):
    queue, consumer = make(max_queued_jobs=4)
    jobs = [queue.put() for _ in range(4)]
    consumer().claim(1)
    for job_id in (jobs[0], jobs[3]):
        store.hset(f"{job_id}_job", "expires_at", 0)
    queue.end_expired()
    assert [store.hget(f"{job_id}_job", "status") for job_id in jobs] == ["expired", *["pending"] * 3]


def test_an_emptied_redis_is_set_up_again(make, store):
    queue, consumer = make()
    one = consumer()
    assert one.claim(0.01) == []
    store.flushall()
    store.script_flush()
    job_id = queue.put()
    with pytest.raises(RedisAway):
        one.claim(0.01)
    one.release("Redis went away", counted=False)
    assert ids(one.claim(1)) == [job_id]


def test_a_worker_goes_on_if_redis_is_emptied_while_it_predicts(make, store):
    queue, consumer = make()
    queue.put()
    one = consumer()
    claims = one.claim(1)
    store.flushall()
    one.finish(claims, [SEVEN])
    job_id = queue.put()
    one.release("Redis went away", counted=False)
    assert ids(one.claim(1)) == [job_id]


def test_idle_consumers_without_leases_are_dropped(make, store, monkeypatch):
    monkeypatch.setattr(keys, "CONSUMER_LIFETIME", 0.001)
    queue, consumer = make()
    queue.put()
    consumer("holder").claim(1)
    store.xgroup_createconsumer("jobs", "workers", "idler")
    time.sleep(0.01)  # idle for longer than the lifetime above
    consumer("new").join()
    assert [entry["name"] for entry in store.xinfo_consumers("jobs", "workers")] == ["holder"]


def test_a_worker_that_starts_drops_consumers_that_left_long_ago(make, store, monkeypatch, fake):
    monkeypatch.setattr(keys, "CONSUMER_LIFETIME", 0.001)
    queue, consumer = make(serving_grpc=fake.target, lease=86_400)
    consumer("left").join()
    store.xgroup_createconsumer("jobs", "workers", "left")
    time.sleep(0.01)  # idle for longer than the lifetime above
    Loop(queue.settings, "new", c_bool(), Model(queue.settings)).run(0, burst=True)
    assert "left" not in [entry["name"] for entry in store.xinfo_consumers("jobs", "workers")]


def test_no_caller_starves_however_many_there_are(make):
    queue, _ = make()
    job_id, asked = queue.put(), [0] * 200

    async def ask(shared, caller):
        while max(asked) < 20:
            await shared.read(job_id)
            asked[caller] += 1

    async def ask_all():
        async with opened(queue.settings) as shared:
            await asyncio.gather(*(ask(shared, caller) for caller in range(200)))

    asyncio.run(ask_all())
    assert min(asked) > max(asked) / 4


def test_room_is_made_for_exactly_as_many_jobs_as_expired(make, store):
    queue, _ = make(max_queued_jobs=3)
    jobs = [queue.put() for _ in range(3)]
    for job_id in jobs[:2]:
        store.hset(f"{job_id}_job", "expires_at", 0)
    queue.end_expired()
    [queue.put() for _ in range(2)]
    with pytest.raises(QueueFull):
        queue.put()


def test_a_wait_by_reading_ends_soon_after_the_job_and_when_time_is_up(make):
    queue, consumer = make()
    job_id = queue.put()

    async def wait_and_finish():
        one, alone = consumer(), JobQueue(queue.settings)
        async with alone.redis, asyncio.timeout(60):
            in_vain = await alone.wait(job_id, 0.05)
            wait = asyncio.create_task(alone.wait(job_id, 600))
            await asyncio.to_thread(lambda: one.finish(one.claim(1), [SEVEN]))
            return in_vain.status, (await wait).label

    assert asyncio.run(wait_and_finish()) == ("pending", "7")


def test_the_script_is_the_same_whatever_a_program_has_imported(settings):
    code = "from asynchronous import keys, settings; print(keys.Script(settings.Settings(redis_url=%r)).text, end='')"
    argv = [sys.executable, "-c", code % settings().redis_url]
    alone = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    assert alone == keys.Script(settings()).text
