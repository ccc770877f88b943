"""Options of the command line that optional parts add to a command."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, signature
from typing import Any

from ..policies import POLICY_OPTIONS  # optional: policies
from ..scope.options import SCOPE_OPTIONS  # optional: scope
from ..summary import SUMMARY_OPTIONS  # optional: summary
from ..wide import WIDE_OPTIONS  # optional: wide

OPTIONS: dict[str, tuple[Any, Any]] = {}  # by parameter: its type, as typer takes it, and its default
OPTIONS |= POLICY_OPTIONS  # optional: policies
OPTIONS |= SCOPE_OPTIONS  # optional: scope
OPTIONS |= SUMMARY_OPTIONS  # optional: summary
OPTIONS |= WIDE_OPTIONS  # optional: wide

Given = Mapping[str, Any]  # what the command line gives for OPTIONS


def with_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add OPTIONS to the parameters that typer sees of a command, which gets their values as the argument `given`."""
    own = {name: each for name, each in signature(command).parameters.items() if name != "given"}
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in OPTIONS.items()
    ]

    @wraps(command)
    def with_given(**values: Any) -> None:
        command(**{name: values[name] for name in own}, given={name: values[name] for name in OPTIONS})

    with_given.__signature__ = signature(command).replace(parameters=[*own.values(), *added])  # type: ignore[attr-defined]
    return with_given
