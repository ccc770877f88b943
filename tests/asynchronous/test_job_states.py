"""In any order of events, a terminal state is final, and no job is lost or tried too often."""

import uuid

import pytest
import redis
from hypothesis import settings as limits
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from asynchronous.consumer import Result

from .conftest import Consumer, run_step

RESULTS = st.sampled_from([Result("7", 0.9), Result("8", 0.8), Result(refused="no")])


class Jobs(RuleBasedStateMachine):
    """Two workers, which may hold the same job when leases lapse, and one client."""

    claims = Bundle("claims")

    def __init__(self, settings, quick):
        super().__init__()
        self.store = redis.Redis.from_url(settings.redis_url, decode_responses=True)
        self.store.flushall()
        self.step = lambda *args, jobs: run_step(self.store, settings, *args, jobs=jobs)
        self.workers = [Consumer(settings, name, quick=quick) for name in "ab"]
        self.jobs, self.ended = [], {}

    @rule()
    def submit(self):
        self.jobs.append(uuid.uuid4().hex)
        assert self.step("submit", self.jobs[-1], b"image", "", jobs=self.jobs[-1:]) == [self.jobs[-1]]

    @rule(target=claims, worker=st.integers(0, 1))
    def claim(self, worker):
        return worker, self.workers[worker].claim(0.001)

    @rule(worker=st.integers(0, 1))
    def lose_a_reply(self, worker):
        self.workers[worker].claim(0.001)
        if self.jobs:
            self.store.xreadgroup("workers", "ab"[worker], {"jobs": ">"}, count=1)  # and it died before taking it up

    @rule(claim=claims, result=RESULTS)
    def finish(self, claim, result):
        worker, jobs = claim
        if jobs:
            self.workers[worker].finish(jobs, [result] * len(jobs))

    @rule(worker=st.integers(0, 1), counted=st.booleans())
    def give_back(self, worker, counted):
        self.workers[worker].release("a fault", counted=counted)

    @rule(data=st.data())
    def cancel(self, data):
        if self.jobs:
            job_id = data.draw(st.sampled_from(self.jobs))
            self.step("cancel", job_id, jobs=[job_id])

    @rule()
    def lose_the_group(self):
        self.store.xgroup_destroy("jobs", "workers")
        [worker.join() for worker in self.workers]

    @rule()
    def replay(self):
        for entry, letter in self.store.xrange("dead_letters", count=1):
            old, new = letter["job_id"], uuid.uuid4().hex
            self.jobs.append(self.step("replay", entry, old, new, jobs=[old, new]))
            assert self.store.hget(f"{self.jobs[-1]}_job", "replay_of") == letter["job_id"]

    @rule(data=st.data())
    def outlive(self, data):
        if self.jobs:
            job_id = data.draw(st.sampled_from(self.jobs))
            self.store.hset(f"{job_id}_job", "expires_at", 0)
            self.step("read", job_id, jobs=[job_id])

    @invariant()
    def no_job_is_lost_and_no_end_is_changed(self):
        records = {job_id: self.store.hgetall(f"{job_id}_job") for job_id in self.jobs}
        for job_id, record in records.items():
            assert 0 <= int(record["attempts"]) <= 3
            if record["status"] != "pending":
                outcome = {name: record.get(name) for name in ("status", "label", "reason", "finished_at")}
                assert self.ended.setdefault(job_id, outcome) == outcome
        waiting = {fields["job_id"] for _, fields in self.store.xrange("jobs")}
        assert waiting == set(self.jobs) - self.ended.keys()

    def teardown(self):
        self.store.close()


@pytest.mark.parametrize(("lease", "quick"), [(0.001, True), (60, True), (0.001, False)])
def test_a_terminal_state_is_final_and_no_job_is_lost(settings, lease, quick):
    chosen = settings(lease=lease, batch_size=2)
    machine = limits(max_examples=10, stateful_step_count=25, deadline=None)
    run_state_machine_as_test(lambda: Jobs(chosen, quick), settings=machine)
