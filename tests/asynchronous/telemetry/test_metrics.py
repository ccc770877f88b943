"""What is counted, and what `/metrics` shows of it."""

from asynchronous.consumer import Result
from local.processes import wait_until

from ..conftest import SEVEN, children, kill_child, post


def test_figures_count_what_happened(make, store):
    queue, consumer = make(batch_size=2)
    _, one = [queue.put() for _ in range(4)], consumer()
    one.finish(one.claim(1), [SEVEN, Result(refused="no")])
    one.claim(1)
    figures = queue.measure()
    assert {name: figures[name] for name in ("accepted", "done", "failed", "attempts", "batch:2")} == {
        "accepted": 4, "done": 1, "failed": 1, "attempts": 4, "batch:2": 2,
    }  # fmt: skip
    assert (figures["queued"], figures["in_flight"]) == (0, 2)
    assert 0 <= figures["oldest_seconds"] < 60


def test_a_released_job_is_queued_and_not_in_flight(make):
    queue, consumer = make(batch_size=2)
    _, one = [queue.put() for _ in range(5)], consumer("a")
    one.claim(1)
    consumer("b").claim(1)
    one.release("the serving program is away", counted=False)
    figures = queue.measure()
    assert (figures["queued"], figures["in_flight"]) == (3, 2)


def test_metrics_show_the_queue(api, finish):
    jobs = [post(api) for _ in range(2)]
    finish(SEVEN, Result(refused="no"))
    post(api)
    text = api.get("/metrics").text
    for line in ("jobs_queued 1.0", 'jobs_ended_total{status="done"} 1.0', 'jobs_ended_total{status="failed"} 1.0'):
        assert line in text.splitlines()
    sizes = [float(line.split()[1]) for line in text.splitlines() if line.startswith("jobs_batch_size_")]
    assert sizes == [0.0, *[1.0] * 11, 2.0]  # buckets of 1, 2, ... 512, and more; how many; jobs in all
    latencies = [line for line in text.splitlines() if line.startswith("jobs_latency_seconds_")]
    assert latencies[-3].startswith('jobs_latency_seconds_bucket{le="+Inf"} 2.0')
    assert 0 < float(latencies[-1].split()[1]) < 60
    assert len(jobs) == 2


def test_a_child_that_dies_is_replaced_without_a_pause_and_counted_in_the_metrics(worker, proxy):
    _, api = proxy()
    program = worker()
    dead = kill_child(program.pid)
    wait_until(lambda: children(program.pid) not in ([], [dead]), what="another child")
    [said] = [line for line in program.log.read_text().splitlines() if "its process ended" in line]
    assert said.endswith("; starting another")
    wait_until(lambda: "jobs_worker_restarts_total 1.0" in api.get("/metrics").text.splitlines())
