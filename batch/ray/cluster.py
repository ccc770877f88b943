"""The part that Ray does: actors, each with one part at a time, and a new attempt where one is lost."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import ray
import ray.data
import ray.exceptions

from ..errors import Exit, ServiceError, as_service_error, end_on_sigterm
from .plan import Part
from .score import Job, Scorer

OBJECT_STORE = 100 << 20  # bytes; only the descriptions of parts and their counts pass through it


class RunFailed(ServiceError):
    """A part cannot be done, or the cluster cannot be reached; the parts that are done remain."""

    def __init__(self, message: str, exit_code: int = Exit.BAD_USAGE) -> None:
        super().__init__(message)
        self.exit_code = Exit(exit_code)


class Worker:
    """What an actor is: a scorer that returns its errors. Ray would surround those that are raised with its own words.

    A bug is raised.
    """

    def __init__(self, job: Job) -> None:
        self._score: Callable[[dict[str, Any]], dict[str, int]] | None = None
        self._refused = _answer(lambda: setattr(self, "_score", Scorer(job)))

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the counts of a part, or why it cannot be done, with the exit code for that."""
        counts = {"done": 0, "failed": 0}
        score = self._score
        refused = _answer(lambda: counts.update(score(row))) if score else self._refused
        return counts | refused


def _answer(call: Callable[[], object]) -> dict[str, Any]:
    """Return why a call has failed, with the exit code; an empty text if it has not."""
    try:
        call()
    except Exception as error:
        if (known := as_service_error(error)) is None:
            raise
        return {"refused": " ".join(str(known).split()), "exit_code": int(known.exit_code)}
    return {"refused": "", "exit_code": 0}


@contextmanager
def connected(actors: int | None) -> Iterator[int]:
    """Connect to the cluster that RAY_ADDRESS names, or start one here; yield how many actors to use."""
    options: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False}
    if not os.environ.get("RAY_ADDRESS"):
        options |= {"address": "local", "include_dashboard": False, "object_store_memory": OBJECT_STORE}
        options |= {"num_cpus": actors, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(**options)
    except Exception as error:  # Ray raises Exception itself, too
        raise RunFailed(f"Ray cannot start or be reached: {_last_line(error)}") from error
    try:
        end_on_sigterm()  # Ray has replaced the handler
        yield actors or int(ray.cluster_resources().get("CPU", 1))
    except ray.exceptions.RayError as error:
        raise RunFailed(_last_line(error)) from error
    finally:
        ray.shutdown()


def score(job: Job, parts: Sequence[Part], actors: int) -> Iterator[dict[str, int]]:
    """Do the parts; yield the counts of each when it is done.

    Each part is a block of its own, so that a lost actor costs the part that it was at. Ray starts the actor again and
    repeats the part, without end; `attempt` ends that. Only descriptions are blocks: an actor streams the rows of its
    part from file to file.
    """
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    blocks = ray.data.from_items([asdict(part) for part in parts], override_num_blocks=len(parts))
    pool = ray.data.ActorPoolStrategy(size=min(actors, len(parts)), max_tasks_in_flight_per_actor=1)
    done = blocks.map(Worker, fn_constructor_args=[job], compute=pool, num_cpus=1)
    for found in done.iter_rows():
        if found["refused"]:
            raise RunFailed(found["refused"], found["exit_code"])
        yield found


def _last_line(error: Exception) -> str:
    """Return what the error of an actor says without its traceback."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
