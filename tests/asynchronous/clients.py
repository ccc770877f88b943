"""The clients of a chaos run: some post, some follow a job to its end, and one reads the records in Redis."""

import queue
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, Self

import httpx
import redis

from asynchronous.keys import GROUP, RECORD
from asynchronous.settings import QUEUE
from local.processes import wait_until

from .failing_cluster import FailingCluster
from .outcomes import Outcome, Outcomes

POSTERS, FOLLOWERS = 4, 4
CANCELLED = 0.1  # of the jobs
SPREAD = 1.5  # seconds over which the jobs around a kill are posted


class Served(Protocol):
    """Where the proxy is, and the Redis that holds its jobs."""

    cluster: FailingCluster | None

    @property
    def proxy_url(self) -> str: ...

    @property
    def receiver_url(self) -> str: ...

    def store(self) -> redis.Redis: ...


class Clients:
    """They record in `outcomes` what was promised and answered; as a context manager they end with it."""

    def __init__(self, programs: Served, images: Sequence[tuple[bytes, str]], seed: int) -> None:
        self._url, self._programs, self._images = programs.proxy_url, programs, images
        self._params = {"callback_url": f"{programs.receiver_url}/ok"} if programs.receiver_url else {}
        self._queue, self._prefix = ("{jobs}", "{jobs}:") if programs.cluster else (QUEUE, "")
        self._chance = random.Random(seed)
        self.outcomes, self.unanswered, self.followed = Outcomes(), 0, 0
        self._to_post, self._posting, self._over = threading.Semaphore(0), threading.Event(), threading.Event()
        self._latest: queue.LifoQueue[str] = queue.LifoQueue()

    def __enter__(self) -> Self:
        clients = [self._watch, *[self._post] * POSTERS, *[self._follow] * FOLLOWERS]
        self._pool = ThreadPoolExecutor(len(clients))
        self._running = [self._pool.submit(client) for client in clients]
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        self._pool.shutdown()
        for client in self._running:
            client.result()

    def post_more(self, jobs: int) -> None:
        """Let `jobs` more jobs be accepted within a few seconds."""
        self._to_post.release(jobs)
        self._interval = POSTERS * SPREAD / jobs

    def _post(self) -> None:
        """Post until enough jobs are accepted; only an answer of 202 counts as accepted."""
        with httpx.Client(base_url=self._url, timeout=10, headers={"content-type": "image/png"}) as client:
            while not self._over.is_set():
                if not self._to_post.acquire(timeout=0.1):
                    continue
                image, label = self._chance.choice(self._images)
                if job_id := self._accepted(client, image):
                    self.outcomes.accept(job_id, label)
                    self._latest.put(job_id)
                    if self._chance.random() < CANCELLED:
                        self._cancel(client, job_id)
                else:
                    self.unanswered += 1
                    self._to_post.release()
                self._over.wait(self._chance.uniform(0, 2 * self._interval))

    def _accepted(self, client: httpx.Client, image: bytes) -> str | None:
        self._posting.set()
        try:
            answer = client.post("/predict", content=image, params=self._params)
        except httpx.HTTPError:
            return None
        finally:
            self._posting.clear()
        assert answer.status_code in (202, 503), f"{answer.status_code} {answer.text}"
        return str(answer.json()["job_id"]) if answer.status_code == 202 else None

    def _cancel(self, client: httpx.Client, job_id: str) -> None:
        """Try to cancel a job; only an answer of 204 is a promise."""
        self.outcomes.to_cancel.add(job_id)
        with suppress(httpx.HTTPError):
            answer = client.delete(f"/job/{job_id}")
            assert answer.status_code in (204, 409, 503), f"{answer.status_code} {answer.text}"
            if answer.status_code == 204:
                self.outcomes.cancelled.add(job_id)

    def _follow(self) -> None:
        """Follow one of the latest jobs to its end, then another."""
        with httpx.Client(base_url=self._url, timeout=10) as client:
            while not self._over.is_set():
                with suppress(queue.Empty):
                    self._follow_one(client, self._latest.get(timeout=0.2))

    def _follow_one(self, client: httpx.Client, job_id: str) -> None:
        while not self._over.is_set():
            observed = None
            with suppress(httpx.HTTPError):
                observed = Outcome.of_answer(client.get(f"/job/{job_id}", params={"wait": 2}))
            if observed is None:
                self._over.wait(0.1)
                continue
            self.outcomes.add(job_id, observed)
            if observed.status not in ("pending", "running"):
                self.followed += 1
                return

    def _watch(self) -> None:
        """Read all accepted jobs in Redis, again and again."""
        while not self._over.wait(0.3):
            with suppress(redis.RedisError):
                self._read_records()

    def _read_records(self, *, last: bool = False) -> list[dict[str, str]]:
        job_ids = list(self.outcomes.promised)
        with self._programs.store() as store, store.pipeline(transaction=False) as pipeline:
            for job_id in job_ids:
                pipeline.hgetall(self._prefix + job_id + RECORD)
            records: list[dict[str, str]] = pipeline.execute()
        for job_id, record in zip(job_ids, records, strict=True):
            self.outcomes.add(job_id, Outcome.of_record(record), last=last)
        return records

    def read_all(self) -> list[dict[str, str]]:
        """Read each job for the last time, in Redis and through the proxy; return the records."""
        records = self._read_records(last=True)
        with httpx.Client(base_url=self._url, timeout=40) as client:
            for job_id in self.outcomes.promised:
                self.outcomes.add(job_id, self._last_answer(client, job_id), last=True)
        return records

    def _last_answer(self, client: httpx.Client, job_id: str) -> Outcome:
        """Ask until the answer is not 503: all programs are up, but one may stall on a busy machine."""
        answers: list[Outcome] = []

        def ask() -> bool:
            observed = Outcome.of_answer(client.get(f"/job/{job_id}"))
            answers.extend([observed] if observed else [])
            return observed is not None

        wait_until(ask, what="an answer other than 503")
        return answers[-1]

    def wait_for_work(self, seconds: float, *, posting: bool) -> bool:
        """Wait until a post is in progress, or a job is claimed; return whether that happened in time."""
        if posting:
            return self._posting.wait(seconds)
        try:
            wait_until(self._a_job_is_claimed, seconds)
        except TimeoutError:
            return False
        return True

    def _a_job_is_claimed(self) -> bool:
        with suppress(redis.RedisError), self._programs.store() as store:
            held = store.xpending_range(self._queue, GROUP, "-", "+", 1000)
            return any(entry["time_since_delivered"] < 300 for entry in held)  # older: of a killed worker
        return False
