"""What Ray does: it gives each actor one part at a time, and repeats the part of an actor that is lost."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, NamedTuple

import ray
import ray.data
import ray.exceptions

from ..errors import Exit, ServiceError, as_service_error
from .plan import Part
from .score import Job, Scorer

OBJECT_STORE = 100 << 20  # bytes; only the descriptions of parts and their counts pass through it


class RunFailed(ServiceError):
    """A part cannot be done, or the cluster cannot be reached; the parts that are done remain."""

    def __init__(self, message: str, exit_code: int = Exit.BAD_USAGE) -> None:
        super().__init__(message)
        self.exit_code = Exit(exit_code)


class Refusal(NamedTuple):
    """Why a part cannot be done, and the exit code for that."""

    refused: str = ""
    exit_code: int = 0


class Worker:
    """An actor. It returns the errors that can be corrected; Ray would wrap a raised error in its own words."""

    def __init__(self, job: Job) -> None:
        self._scorer = _call(Scorer, job)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return the counts of a part and the fields of a `Refusal`, which are empty if the part is done."""
        found = self._scorer if isinstance(self._scorer, Refusal) else _call(self._scorer, row)
        if isinstance(found, Refusal):
            return {"done": 0, "failed": 0, **found._asdict()}
        return {**found, **Refusal()._asdict()}


def _call(function: Callable[[Any], Any], argument: Any) -> Any:
    """Return what a function returns, or a `Refusal` for an error that can be corrected."""
    try:
        return function(argument)
    except Exception as error:
        if (known := as_service_error(error)) is None:
            raise
        return Refusal(" ".join(str(known).split()), int(known.exit_code))


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
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.TERMINATED))  # Ray has replaced the handler
        yield actors or int(ray.cluster_resources().get("CPU", 1))
    except ray.exceptions.RayError as error:
        raise RunFailed(_last_line(error)) from error
    finally:
        ray.shutdown()


def score(job: Job, parts: Sequence[Part], actors: int) -> Iterator[dict[str, int]]:
    """Do the parts; yield the counts of each when it is done.

    Each part is a block of its own, so a lost actor costs only the part in progress. Ray restarts the actor and repeats
    the part forever; `attempt` limits the attempts. Only descriptions are blocks: an actor streams the rows of its
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
