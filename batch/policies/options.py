"""The options of the job that choose a policy."""

import time
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from ..errors import Exit
from ..queries import Part
from ..runner import Runner
from ..schemas import Result
from ..tables import Item, State
from .retry_all import retry_all
from .retry_failed import Pause, retry_failed


class Policy(StrEnum):
    """What to do about rows that fail."""

    RETRY_ALL = "retry-all"
    RETRY_FAILED = "retry-failed"
    LEAVE = "leave"


OnFailure = Annotated[Policy, typer.Option(help="What to do about rows that fail.")]
MaxAttempts = Annotated[int, typer.Option(min=1, help="The most attempts for a row; with retry-all, for the run.")]
AllowFailed = Annotated[bool, typer.Option("--allow-failed", help="Exit with 0 even if rows failed.")]
Backoff = Annotated[float, typer.Option(min=0, help="Seconds before the second try, doubled each time.")]

POLICY_OPTIONS = {
    "on_failure": (OnFailure, Policy.LEAVE),
    "max_attempts": (MaxAttempts, 3),
    "backoff": (Backoff, 1),
    "allow_failed": (AllowFailed, False),
}


def choose(runner: Runner, policy: Policy, max_attempts: int, backoff: float, pause: Pause = time.sleep) -> None:
    """Make a run follow a policy. `max_attempts` limits the tries of each row, or with retry-all those of the run."""
    runner.policy_name = policy.value
    runner.parts = with_failed(runner.parts, None if policy is Policy.RETRY_ALL else max_attempts)
    if policy is not Policy.LEAVE:
        function = retry_all if policy is Policy.RETRY_ALL else retry_failed
        runner.policy = partial(function, max_attempts=max_attempts, backoff=backoff, pause=pause)


def with_failed(parts: Sequence[Part], max_attempts: int | None) -> Sequence[Part]:
    """Return the rows that failed and have attempts left (None: any number), then `parts`."""
    left = () if max_attempts is None else (Item.attempts < max_attempts,)
    return [Part(State.FAILED, left), *parts]


def tolerate(result: Result, allow_failed: bool) -> None:
    """If failed rows are allowed, exit as if there were none; `status` and the metrics still count them."""
    if allow_failed and result.exit_code is Exit.ROWS_FAILED:
        raise typer.Exit(Exit.ROWS_HELD if result.held else Exit.DONE)
