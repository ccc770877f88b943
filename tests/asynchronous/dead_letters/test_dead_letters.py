import json
import sys

import pytest

from asynchronous.dead_letters.stream import DeadLetters
from local import servers
from local.processes import wait_until

from ..conftest import Consumer, label_of, png, run_step


@pytest.fixture
def command(preloaded, redis_url):
    """Run the command; return its exit code, its lines on stdout, and its stderr."""

    def run(*arguments, **env):
        argv = [sys.executable, "-m", "asynchronous.dead_letters", *arguments]
        ended = preloaded.run(argv, env={"REDIS_URL": redis_url} | env)
        return ended.returncode, ended.stdout.splitlines(), ended.stderr

    return run


@pytest.fixture
def give_up(put, settings):
    """Put a job that fails for good after its first attempt."""

    def give_up(image):
        [job_id] = put(image)
        consumer = Consumer(settings(max_attempts=1), "test")
        consumer.claim(1)
        consumer.release("its worker process died", counted=True)
        consumer.claim(0.01)
        return job_id

    return give_up


def test_dead_letters_are_listed_with_their_reasons(command, give_up):
    jobs = [give_up(png()) for _ in range(2)]
    code, lines, _ = command("list")
    letters = [json.loads(line) for line in lines]
    assert (code, [letter["job_id"] for letter in letters]) == (0, jobs)
    assert letters[0] | {"status": "failed", "attempts": 1} == letters[0]
    assert letters[0]["reason"] == "given up after 1 attempts: its worker process died"


def test_a_redis_that_is_more_than_half_full_keeps_no_image_of_a_job_that_has_ended(command, give_up, record, store):
    kept = give_up(png())
    store.config_set("maxmemory", round(1.8 * store.info("memory")["used_memory"]))
    try:
        dropped = give_up(png())
    finally:
        store.config_set("maxmemory", "0")
    assert [json.loads(line)["job_id"] for line in command("list")[1]] == [kept]
    assert record(dropped)["status"] == "failed"
    assert store.exists(f"{kept}_image", f"{dropped}_image") == 1


def test_each_dead_letter_is_kept_for_the_lifetime_of_the_program_that_wrote_it(command, give_up, store, monkeypatch):
    kept = give_up(png())
    monkeypatch.setenv("DEAD_LETTER_LIFETIME", "0.1")
    short = give_up(png())
    wait_until(lambda: not store.exists(f"{short}_image"))
    last = give_up(png())
    assert [json.loads(line)["job_id"] for line in command("list")[1]] == [kept, last]
    assert store.exists(f"{kept}_image") == 1


def test_a_replayed_image_gets_its_label_and_the_old_job_keeps_its_end(command, give_up, record, worker, fake, store):
    image = png()
    job_id = give_up(image)
    before = record(job_id)
    code, [line], _ = command("replay", job_id)
    new = line.rpartition(" ")[2]
    assert (code, line) == (0, f"{job_id} replayed as {new}")
    assert worker("--burst").wait() == 0
    assert (record(new)["status"], record(new)["label"], record(new)["replay_of"]) == ("done", label_of(image), job_id)
    assert record(job_id) == before | {"replayed_as": new}
    assert (command("list")[1], store.keys("*_image")) == ([], [])


def test_a_replayed_poison_image_is_a_dead_letter_again(command, give_up, worker, record):
    job_id = give_up(png("internal"))
    new = command("replay", "--all")[1][0].rpartition(" ")[2]
    assert worker("--burst", MAX_ATTEMPTS=2).wait() == 0
    assert (record(new)["status"], record(new)["attempts"]) == ("failed", "2")
    assert [json.loads(line)["job_id"] for line in command("list")[1]] == [new]
    assert record(job_id)["replayed_as"] == new


def test_a_dropped_dead_letter_leaves_nothing_behind(command, give_up, store):
    jobs = [give_up(png()) for _ in range(3)]
    assert command("drop", jobs[1])[:2] == (0, [f"{jobs[1]} dropped"])
    assert [json.loads(line)["job_id"] for line in command("list")[1]] == [jobs[0], jobs[2]]
    assert command("drop", "--all")[0] == 0
    assert (store.xlen("dead_letters"), store.keys("*_image")) == (0, [])


def test_a_replay_sent_again_after_a_lost_answer_makes_no_second_job(give_up, settings, store):
    job_id, new = give_up(png()), "a" * 32
    [letter] = DeadLetters(settings())
    replay = "replay", letter.entry, job_id, new
    assert [run_step(store, settings(), *replay, jobs=[job_id, new]) for _ in range(2)] == [new, new]
    assert (store.xlen("jobs"), store.hget(f"{job_id}_job", "replayed_as")) == (1, new)


def test_a_replay_with_shorter_lifetimes_does_not_shorten_those_of_the_queue(give_up, put, settings, store):
    job_id, new = give_up(png()), "b" * 32
    put(png())
    [letter] = DeadLetters(settings())
    before = [store.pexpiretime(key) for key in ("jobs", "job_positions")]
    short = settings(job_lifetime=30, result_lifetime=30)
    assert run_step(store, short, "replay", letter.entry, job_id, new, jobs=[job_id, new]) == new
    assert [store.pexpiretime(key) for key in ("jobs", "job_positions")] == before
    assert 0 < store.pttl(f"{new}_job") <= 60_000


@pytest.mark.parametrize("lifetime", [-1, 50])
def test_a_new_job_gives_the_queue_a_lifetime_that_has_none_or_a_shorter_one(put, store, lifetime):
    put(png())
    store.persist("jobs") if lifetime < 0 else store.expire("jobs", lifetime)
    put(png(), job_lifetime=60, result_lifetime=60)
    assert 60_000 < store.pttl("jobs") <= 120_000


def test_a_dead_letter_that_cannot_be_replayed_is_named_and_kept(command, give_up, put):
    job_id = give_up(png())
    put(png())
    code, lines, complaint = command("replay", job_id, "0" * 32, MAX_QUEUED_JOBS="1")
    assert (code, lines) == (1, [])
    assert complaint.splitlines() == [
        f"{'0' * 32}: not among the dead letters",
        f"{job_id}: the queue is full, try again later",
    ]
    assert len(command("list")[1]) == 1


@pytest.mark.parametrize("arguments", [["replay"], ["drop"], ["replay", "--all", "0" * 32], []])
def test_a_command_without_job_ids_does_nothing(command, give_up, arguments):
    give_up(png())
    assert command(*arguments)[0] == 2
    assert len(command("list")[1]) == 1


def test_without_redis_the_command_ends_with_one_line(command):
    code, _, complaint = command("list", REDIS_URL=f"redis://127.0.0.1:{servers.free_port()}/0")
    assert (code, complaint.count("\n"), complaint[:22]) == (1, 1, "Redis: not available (")
