"""A short run of `python -m tests.asynchronous.chaos`, and the tests of its verdict."""

import random

import pytest

from .chaos import KINDS, plan, run
from .outcomes import Outcome, Outcomes

DONE = Outcome("done", "7", finished_at=1000)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
@pytest.mark.parametrize("redis", ["acl", "cluster"])
def test_no_job_is_lost_changed_or_wrong_in_a_failover_or_with_few_permissions(tmp_path, redis):
    report = run(jobs=60, kills=6, seed=random.randrange(10**6), folder=tmp_path, redis=redis)
    assert (report.lost, report.changed, report.wrong, report.expired, report.never) == (0, 0, 0, 0, 0), report
    assert (report.jobs, report.kills_by_kind["redis"]) == (60, 1), report


@pytest.mark.timeout(900)
def test_no_job_is_lost_changed_or_wrong_whatever_is_killed(tmp_path, preloaded, tensorflow):
    def start(name, *order):
        return (tensorflow if name == "serving" else preloaded).start(name, *order)

    report = run(jobs=60, kills=6, seed=random.randrange(10**6), folder=tmp_path, start=start)
    assert (report.lost, report.changed, report.wrong, report.expired, report.never) == (0, 0, 0, 0, 0), report
    assert (report.jobs, report.done + report.failed + report.cancelled, report.delivered) == (60, 60, 60), report
    assert sum(report.kills_by_kind.values()) == report.kills == 6
    assert set(report.kills_by_kind) == set(KINDS)


def test_kills_can_be_planned_again():
    assert plan(50, random.Random(7)) == plan(50, random.Random(7)) != plan(50, random.Random(8))
    assert all(set(plan(6, random.Random(seed))) == set(KINDS) for seed in range(20))


@pytest.mark.parametrize(
    ("seen", "last", "broken"),
    [
        ([Outcome("pending"), Outcome("running"), DONE], DONE, set()),
        ([], Outcome("failed", reason="given up after 3 attempts: its worker process died"), set()),
        ([], Outcome("pending"), {"lost"}),
        ([], Outcome("unknown"), {"lost"}),
        ([DONE], Outcome("running"), {"lost", "changed"}),
        ([Outcome("unknown")], DONE, {"lost", "changed"}),
        ([DONE], DONE._replace(finished_at=1001), {"changed"}),
        ([Outcome("expired", reason="late")], DONE, {"changed"}),
        ([DONE], DONE._replace(label="8"), {"changed", "wrong"}),
        ([], DONE._replace(label="8"), {"wrong"}),
        ([], Outcome("failed", reason="its image is no longer in Redis"), {"wrong"}),
    ],
)
def test_the_verdict_counts_each_broken_promise(seen, last, broken):
    outcomes = Outcomes()
    outcomes.accept("a", "7")
    for outcome in seen:
        outcomes.add("a", outcome)
    outcomes.add("a", last, last=True)
    assert {name for name in ("lost", "changed", "wrong") if outcomes.verdict()[name]} == broken


@pytest.mark.parametrize(
    ("asked", "promised", "end", "broken"),
    [
        (True, True, Outcome("cancelled"), set()),
        (True, False, Outcome("cancelled"), set()),  # the answer was lost
        (True, False, DONE, set()),
        (True, True, DONE, {"changed"}),
        (False, False, Outcome("cancelled"), {"wrong"}),
    ],
)
def test_the_verdict_counts_a_cancelled_job_that_ran_and_one_that_nobody_cancelled(asked, promised, end, broken):
    outcomes = Outcomes()
    outcomes.accept("a", "7")
    outcomes.to_cancel |= {"a"} if asked else set()
    outcomes.cancelled |= {"a"} if promised else set()
    outcomes.add("a", end, last=True)
    assert {name for name in ("lost", "changed", "wrong") if outcomes.verdict()[name]} == broken


def test_the_verdict_counts_a_job_that_was_never_observed_as_lost():
    outcomes = Outcomes()
    outcomes.accept("a", "7")
    assert (outcomes.verdict()["lost"], outcomes.ended()) == (1, 0)
