"""A slow model, and a quick one."""

import itertools
from ctypes import c_bool
from types import SimpleNamespace

from asynchronous.loop import Loop
from asynchronous.model import Model
from asynchronous.sharing import batches, claims

from ..conftest import SEVEN, Consumer, ids, png


def test_a_slow_models_jobs_are_shared_between_the_processes(worker, put, settle, fake):
    worker(WORKER_PROCESSES=4)
    settle(put(*(png("slow=0.3") for _ in range(4))))  # by now, all have started and have measured
    settle(put(*(png("slow=0.3") for _ in range(16))))
    assert max(map(len, fake.batches())) <= 5


def test_a_batch_is_no_larger_than_the_model_can_do_in_time(worker, put, settle, fake):
    worker(PREDICT_TIMEOUT=16)
    records = settle(put(*(png("slow=2") for _ in range(8))))
    assert {(job["status"], job["attempts"]) for job in records} == {("done", "1")}
    assert max(map(len, fake.batches())) <= 4


def test_a_quick_models_batches_are_full(put, fake, settings, monkeypatch):
    clock = itertools.count(step=0.001)  # each call takes a millisecond, however busy the machine is
    monkeypatch.setattr(claims, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    put(*(png() for _ in range(65)))
    chosen = settings(serving_grpc=fake.target, batch_size=32)
    loop = Loop(chosen, "test", c_bool(), Model(chosen))
    claims.share_claims(loop, chosen)
    loop.run(0, burst=True)
    assert [len(batch) for batch in fake.batches()] == [1, 32, 32]


def test_a_worker_that_stops_releases_what_it_has_read_and_not_started(put, record, settings, monkeypatch):
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 1)
    first, second, _ = put(*(png() for _ in range(3)))
    chosen, stopping = settings(), c_bool()
    loop = Loop(chosen, "test", stopping, Model(chosen))
    loop.queue = batches.BoundedConsumer(chosen, "test")

    def predict(_):
        stopping.value = True
        return [SEVEN]

    loop.predict = predict
    loop.run(0, burst=False)
    assert (record(first)["status"], record(second)["status"], record(second)["attempts"]) == ("done", "pending", "0")
    assert ids(Consumer(chosen, "other").claim(0.1)) == [second]
