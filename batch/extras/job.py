"""The optional parts of the job."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from ..database import read
from ..export.versions import remember_version  # optional: export
from ..fast import write_done  # optional: fast
from ..feed import record_completions  # optional: feed
from ..held import wait_for_held_rows  # optional: held
from ..limits import check_limits  # optional: limits
from ..migrate.schema import prepare
from ..policies import choose, tolerate  # optional: policies
from ..progress import show_progress  # optional: progress
from ..retry import retrying  # optional: retry
from ..runner import Runner
from ..schemas import Result
from ..scope.options import choose_version, narrow  # optional: scope
from ..settings import Settings
from ..status.record import record  # optional: status
from ..stopping.pauses import pausing  # optional: stopping
from ..stopping.signals import stop_on_signals  # optional: stopping
from ..summary import Summary  # optional: summary
from ..wide import fit_statements, keep_top  # optional: wide
from .options import Given, with_options

Pause = Callable[[float], None]  # waits so many seconds

__all__ = ["add_to", "change", "finish", "run", "with_options"]


def change(settings: Settings, given: Given) -> Settings:
    """Return the settings as the options change them."""
    settings = choose_version(settings, given)  # optional: scope
    return settings


def add_to(runner: Runner, given: Given) -> None:
    """Add the optional parts to a runner."""
    check_limits(runner.model.model)  # optional: limits
    runner.result = Summary(model_version=runner.model.version, as_json=given["as_json"])  # optional: summary
    pause: Pause = time.sleep
    pause = pausing(runner)  # optional: stopping
    runner.retry = retrying(pause)  # optional: retry
    runner.write_done = write_done  # optional: fast
    keep_top(runner, given["top"])  # optional: wide
    choose(runner, given["on_failure"], given["max_attempts"], given["backoff"], pause)  # optional: policies
    narrow(runner, given)  # optional: scope
    runner.run = partial(run, runner, pause)  # type: ignore[method-assign]


def run(runner: Runner, pause: Pause) -> None:
    """Count the rows that wait, and predict them if there are any; some optional parts last as long as the run."""
    with ExitStack() as attached:
        attached.enter_context(stop_on_signals(runner))  # optional: stopping
        runner.retry(prepare, runner.engine)
        runner.result.waiting = runner.retry(read, runner.engine, runner.count, runner.parts)
        if runner.result.waiting:
            remember_version(runner)  # optional: export
            fit_statements(runner)  # optional: wide
            record_completions(runner)  # optional: feed
            attached.enter_context(show_progress(runner))  # optional: progress
            attached.enter_context(record(runner))  # optional: status
            attached.enter_context(wait_for_held_rows(runner, pause))  # optional: held
            runner.policy(runner)


def finish(result: Result, given: Given) -> None:
    """End the command with another exit code than the result's, if an option says so."""
    tolerate(result, given["allow_failed"])  # optional: policies
