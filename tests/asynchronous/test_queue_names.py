"""QUEUE keeps the queues of one database apart, and a step declares each key that it touches."""

import threading

import pytest
import redis
from pydantic import ValidationError

from asynchronous.consumer import Result
from asynchronous.dead_letters.stream import DeadLetters
from asynchronous.settings import Settings

from .conftest import SEVEN, Consumer, ids


def test_two_queues_on_one_database_never_touch(make, store):
    (cats, cat_worker), (dogs, dog_worker) = make(queue="cats"), make(queue="dogs")
    job_id = cats.put(b"a cat")
    assert dogs.read(job_id) is None
    assert dog_worker().claim(0.01) == []
    assert dogs.submit_with_key(b"a dog", "key") != cats.submit_with_key(b"another cat", "key")
    assert ids(cat_worker().claim(1))[0] == job_id
    assert (cats.read(job_id).queue, store.get(f"cats:{job_id}_image")) == ("cats", "a cat")


def test_a_name_in_braces_is_a_hash_tag_of_every_key(make, store):
    queue, consumer = make(queue="{cats}", max_attempts=1)
    one = consumer()
    done, given_up = queue.put(), queue.put()
    queue.submit_with_key(b"image", "key")
    claims = {claim.job_id: claim for claim in one.claim(1)}
    one.finish([claims[done]], [SEVEN])
    one.release("a fault", counted=True)
    one.claim(1)
    assert queue.read(given_up).status == "failed"
    assert {key.partition("}")[0] for key in store.scan_iter()} == {"{cats"}


@pytest.mark.parametrize("name", ["", "a:b", "{a", "a}", "dead_letters", "cats_ended", "x y"])
def test_a_name_that_could_meet_another_queues_keys_is_refused(name):
    with pytest.raises(ValidationError):
        Settings(queue=name) if name else Settings(queue="-")


def test_a_job_for_another_model_is_not_answered(make, settings, store):
    queue, _ = make(model_name="cats")
    job_id = queue.put()
    Consumer(settings(model_name="dogs"), "a").claim(1)
    job = queue.read(job_id)
    assert (job.status, job.model, store.xlen("dead_letters")) == ("failed", "cats", 1)
    assert "set another QUEUE for each model" in job.reason


class Monitor(threading.Thread):
    """Collects the commands that Redis runs, inside scripts and outside."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.seen, self.ready = port, [], threading.Event()

    def run(self):
        with redis.Redis(port=self.port, socket_timeout=60).monitor() as monitor:
            self.ready.set()
            for command in monitor.listen():
                self.seen.append((command["client_type"] == "lua", command["command"].split()))
                if self.seen[-1][1] == ["ECHO", "the-end"]:
                    return

    def undeclared(self):
        declared, found = set(), set()
        for in_script, words in self.seen:
            if not in_script and words[0] in ("EVAL", "EVALSHA"):
                count = int(words[-1] if len(words) < 3 else next(word for word in words[2:] if word.isdigit()))
                start = words.index(str(count)) + 1
                declared = set(words[start : start + count])
            elif in_script and words[0] not in ("TIME", "PUBLISH", "INFO"):
                position = 2 if words[0] in ("XGROUP", "XINFO") else 1
                found |= {(words[0], word) for word in words[position : position + 1] if word not in declared}
        return found


def test_every_key_that_a_step_touches_is_declared(make, settings, store, redis_port):
    queue, consumer = make(max_attempts=2)
    monitor, one = Monitor(redis_port), consumer()
    one.join(restarted=True)
    monitor.start()
    assert monitor.ready.wait(60)
    jobs = [queue.put() for _ in range(4)]
    queue.submit_with_key(b"image", "key")
    queue.submit_with_key(b"image", "key")
    for _ in range(2):
        claims = one.claim(1)
        one.renew()
        one.release("a fault", counted=True)
    store.hset(f"{jobs[0]}_job", "expires_at", 0)
    queue.read(jobs[0])
    claims = one.claim(1) + one.claim(1)
    one.finish(claims, [SEVEN if claim.job_id != jobs[1] else Result(refused="no") for claim in claims])
    queue.measure()
    letters = DeadLetters(settings())
    for letter, apply in zip(list(letters), [letters.replay, letters.drop], strict=False):
        apply(letter)
    store.echo("the-end")
    monitor.join(60)
    assert not monitor.is_alive()
    assert sum(in_script for in_script, _ in monitor.seen) > 100
    assert monitor.undeclared() == set()
