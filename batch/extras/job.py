"""The optional parts of the job, and its command-line options that come from them."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial, wraps
from inspect import Parameter, signature
from typing import Any

from ..database import read
from ..export.versions import remember_version  # optional: export
from ..fast import write_done  # optional: fast
from ..feed import record_completions  # optional: feed
from ..held import wait_for_held_rows  # optional: held
from ..limits import check_limits  # optional: limits
from ..policies import POLICY_OPTIONS, choose, tolerate  # optional: policies
from ..progress import show_progress  # optional: progress
from ..retry import retrying  # optional: retry
from ..runner import Runner
from ..schemas import Result
from ..scope.options import SCOPE_OPTIONS, choose_version, narrow  # optional: scope
from ..settings import Settings
from ..status.record import record  # optional: status
from ..stopping.pauses import pausing  # optional: stopping
from ..stopping.signals import stop_on_signals  # optional: stopping
from ..summary import SUMMARY_OPTIONS, Summary  # optional: summary
from ..wide import WIDE_OPTIONS, fit_statements, keep_top  # optional: wide

OPTIONS: dict[str, tuple[Any, Any]] = {}  # by name: the type, as typer takes it, and the default
OPTIONS |= POLICY_OPTIONS  # optional: policies
OPTIONS |= SCOPE_OPTIONS  # optional: scope
OPTIONS |= SUMMARY_OPTIONS  # optional: summary
OPTIONS |= WIDE_OPTIONS  # optional: wide
Options = Mapping[str, Any]  # the values of OPTIONS
Pause = Callable[[float], None]  # sleeps for that many seconds


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Offer OPTIONS beside a command's own options; the command gets their values as the argument `options`."""
    own = {name: each for name, each in signature(command).parameters.items() if name != "options"}
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in OPTIONS.items()
    ]

    @wraps(command)
    def with_values(**values: Any) -> None:
        command(**{name: values[name] for name in own}, options={name: values[name] for name in OPTIONS})

    with_values.__signature__ = signature(command).replace(parameters=[*own.values(), *added])  # type: ignore[attr-defined]
    return with_values


def override_settings(settings: Settings, options: Options) -> Settings:
    """Return the settings with those that an option replaces."""
    settings = choose_version(settings, options)  # optional: scope
    return settings


def add_to(runner: Runner, options: Options) -> None:
    """Add the optional parts to a runner, in this order; --dry-run ends the command here."""
    check_limits(runner.model.model)  # optional: limits
    runner.result = Summary(model_version=runner.model.version, as_json=options["as_json"])  # optional: summary
    pause: Pause = time.sleep
    pause = pausing(runner)  # optional: stopping
    runner.retry = retrying(pause)  # optional: retry
    runner.write_done = write_done  # optional: fast
    keep_top(runner, options["top"])  # optional: wide
    choose(runner, options["on_failure"], options["max_attempts"], options["backoff"], pause)  # optional: policies
    narrow(runner, options)  # optional: scope
    runner.policy = partial(_run_policy, runner.policy, pause)
    runner.run = stop_on_signals(runner)(runner.run)  # type: ignore[method-assign]  # optional: stopping


def _run_policy(policy: Callable[[Runner], None], pause: Pause, runner: Runner) -> None:
    """Count the rows that wait, and if there are any, run the policy with the parts that last as long as it does."""
    runner.result.waiting = runner.retry(read, runner.engine, runner.count, runner.parts)
    if not runner.result.waiting:
        return
    with ExitStack() as attached:
        remember_version(runner)  # optional: export
        fit_statements(runner)  # optional: wide
        record_completions(runner)  # optional: feed
        attached.enter_context(show_progress(runner))  # optional: progress
        attached.enter_context(record(runner))  # optional: status
        attached.enter_context(wait_for_held_rows(runner, pause))  # optional: held
        policy(runner)


def override_exit_code(result: Result, options: Options) -> None:
    """End the command with another exit code than the result's, if an option says so."""
    tolerate(result, options["allow_failed"])  # optional: policies
