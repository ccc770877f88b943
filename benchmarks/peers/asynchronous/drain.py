"""How fast one worker process of a peer drains a queue that was filled before it started."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.asynchronous.environment import Environment, png
from benchmarks.asynchronous.queue import Side
from benchmarks.load import cpu_seconds
from local.processes import Program, ProgramFailed, uninterrupted, wait_until

from ..environments import Peer
from ..processes import family, stopping
from .work import TIMES

START_SECONDS, FILL_SECONDS, DRAIN_SECONDS = 120, 120, 300
# How many jobs are not acknowledged yet, by what each peer keeps in Redis.
LEFT: dict[str, Callable[[Any], int]] = {
    "Celery": lambda redis: redis.llen("celery") + redis.hlen("unacked"),
    "RQ": lambda redis: redis.llen("rq:queue:default") + redis.zcard("rq:wip:default"),
    "ARQ": lambda redis: redis.zcard("arq:queue"),
    "Dramatiq": lambda redis: redis.hlen("dramatiq:default.msgs"),
    "taskiq": lambda redis: redis.xinfo_groups("taskiq")[0]["pending"],
}


class Drain:
    """One side of the rounds: fills the queue, drains it, reads the last results."""

    def __init__(self, environment: Environment, python: Path, peer: Peer, jobs: int) -> None:
        self._environment, self._python, self._peer, self._jobs = environment, python, peer, jobs
        self._times, self._image = environment.folder / "times", environment.folder / "image.png"

    def __call__(self) -> Side:
        """Return jobs per second, from the start of the first until the last is acknowledged, and CPU seconds.

        Raises:
            ProgramFailed: the peer ended early, or its results cannot be read.
            TimeoutError: the peer does not start or does not drain the queue in time.
        """
        self._environment.empty()
        self._image.write_bytes(png())
        self._times.unlink(missing_ok=True)
        self._finish("fill", self._jobs, self._image)
        with stopping(self._start("work")) as worker:
            self._wait(worker, lambda: self._done() > 0, START_SECONDS)
            before = self._spent(worker)
            self._wait(worker, lambda: self._done() >= self._jobs and not self._left(), DRAIN_SECONDS)
            last, after = time.time(), self._spent(worker)
            self._finish("read")
        first = TIMES.unpack(self._times.read_bytes())[1]
        counted = max(1.0, after[0] - before[0])
        worker_cpu, redis_cpu = (
            1000 * (end - start) / counted for start, end in zip(before[1:], after[1:], strict=True)
        )
        return Side(0, self._jobs / (last - first), 0, worker_cpu, redis_cpu)

    def _start(self, command: str, *arguments: object) -> Program:
        folder = self._environment.folder
        env = {"REDIS_URL": self._environment.redis_url, "IDS_FILE": folder / "ids", "TIMES_FILE": self._times}
        argv = [str(self._python), str(self._peer.file), command, *map(str, arguments)]
        log = folder / f"{self._peer.file.stem}-{command}.log"
        told = {name: str(value) for name, value in env.items()}
        with uninterrupted():
            return Program(f"{self._peer.name} {command}", argv, lambda: True, log, told, self._peer.file.parent)

    def _finish(self, command: str, *arguments: object) -> None:
        with stopping(self._start(command, *arguments)) as program:
            code = program.wait(FILL_SECONDS)
        if code:
            raise ProgramFailed(f"{program.name} ended with exit code {code}: {program.tail()}")

    def _done(self) -> int:
        return int(TIMES.unpack(self._times.read_bytes())[0]) if self._times.exists() else 0

    def _left(self) -> int:
        return LEFT[self._peer.name](self._environment.redis)

    def _wait(self, worker: Program, condition: Callable[[], bool], seconds: float) -> None:
        wait_until(lambda: worker.poll() is not None or condition(), seconds, f"the jobs of {worker.name}")
        if worker.poll() is not None:
            raise ProgramFailed(f"{worker.name} ended with exit code {worker.poll()}: {worker.tail()}")

    def _spent(self, worker: Program) -> tuple[float, float, float]:
        return self._done(), cpu_seconds(*family(worker.pid)), self._environment.redis_cpu()
