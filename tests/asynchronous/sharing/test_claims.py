"""A slow model."""

from ..conftest import png


def test_a_slow_models_jobs_are_shared_between_the_processes(worker, put, settle, fake):
    worker(WORKER_PROCESSES=4)
    settle(put(*(png("slow=0.3") for _ in range(4))), 120)  # by now, all have started and have measured
    settle(put(*(png("slow=0.3") for _ in range(16))), 60)
    assert max(map(len, fake.batches())) <= 5


def test_a_batch_is_no_larger_than_the_model_can_do_in_time(worker, put, settle, fake):
    worker(PREDICT_TIMEOUT=4)
    records = settle(put(*(png("slow=0.5") for _ in range(12))), 120)
    assert {(job["status"], job["attempts"]) for job in records} == {("done", "1")}
    assert max(map(len, fake.batches())) <= 4


def test_a_quick_models_batches_are_full(worker, put, fake):
    put(*(png() for _ in range(65)))
    assert worker("--burst", BATCH_SIZE=32).wait(120) == 0
    assert [len(batch) for batch in fake.batches()] == [1, 32, 32]
