"""Command-line options that optional parts add to the job."""

from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, signature
from typing import Any

from ..policies import POLICY_OPTIONS  # optional: policies
from ..scope.options import SCOPE_OPTIONS  # optional: scope
from ..summary import SUMMARY_OPTIONS  # optional: summary
from ..wide import WIDE_OPTIONS  # optional: wide

OPTIONS: dict[str, tuple[Any, Any]] = {}  # by name: the type, as typer takes it, and the default
OPTIONS |= POLICY_OPTIONS  # optional: policies
OPTIONS |= SCOPE_OPTIONS  # optional: scope
OPTIONS |= SUMMARY_OPTIONS  # optional: summary
OPTIONS |= WIDE_OPTIONS  # optional: wide

Options = Mapping[str, Any]  # the values of OPTIONS


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
