"""The options of the job that choose a policy."""

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from ..errors import Exit
from ..queries import Rows
from ..runner import Runner, leave
from ..schemas import Result
from .retry_all import retry_all
from .retry_failed import retry_failed


class Policy(StrEnum):
    """What to do about rows that fail."""

    RETRY_ALL = "retry-all"
    RETRY_FAILED = "retry-failed"
    LEAVE = "leave"


OnFailure = Annotated[Policy, typer.Option(help="What to do about rows that fail.")]
AllowFailed = Annotated[bool, typer.Option("--allow-failed", help="End with exit code 0 although rows failed.")]
Backoff = Annotated[float, typer.Option(min=0, help="Seconds before the second try, doubled each time.")]


def choose(runner: Runner, policy: Policy, max_attempts: int, backoff: float) -> None:
    """Let a run follow a policy: with retry-all a run, otherwise a row, is tried up to `max_attempts` times."""
    runner.policy_name = policy.value
    if policy is Policy.RETRY_ALL:
        runner.rows = Rows(None)
    functions: dict[Policy, Callable[[Runner], None]] = {
        Policy.LEAVE: leave,
        Policy.RETRY_FAILED: partial(retry_failed, max_attempts=max_attempts, backoff=backoff),
        Policy.RETRY_ALL: partial(retry_all, max_attempts=max_attempts, backoff=backoff),
    }
    runner.policy = functions[policy]


def tolerate(result: Result, allow_failed: bool) -> Exit:
    """Return the exit code of a run whose failed rows are not an error; `status` and the metrics still count them."""
    if not allow_failed or result.exit_code is not Exit.ROWS_FAILED:
        return result.exit_code
    return Exit.ROWS_HELD if result.held else Exit.DONE
