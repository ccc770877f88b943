"""Errors that carry their exit code and HTTP status, and the one place that turns an error into one line."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes of all commands; 1 is a crash."""

    DONE = 0
    BAD_USAGE = 2
    ROWS_FAILED = 3
    DATABASE = 4
    ARTEFACT = 5
    DEADLINE = 6
    SCHEMA = 7
    ROWS_HELD = 8
    INTERRUPTED = 130
    TERMINATED = 143


class ServiceError(Exception):
    """An error that the user or the operator can correct; the message is one line."""

    exit_code = Exit.BAD_USAGE
    status = 500


def as_service_error(error: BaseException) -> ServiceError | None:
    """Return `error` as a `ServiceError`; None for a bug, which needs its traceback."""
    from .causes import find_cause  # optional: causes

    error = find_cause(error) or error  # optional: causes
    return error if isinstance(error, ServiceError) else None


@contextmanager
def exit_in_one_line(end_on_sigterm: bool = True) -> Iterator[None]:
    """End the program with one line on stderr and an exit code, unless the error is a bug; at once on SIGTERM."""
    if end_on_sigterm:  # also as process 1 of a container; the open transaction is rolled back
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.TERMINATED))
    from .logs import set_up_logs  # optional: logs

    try:
        set_up_logs()  # optional: logs
        yield
    except Exception as error:
        if (known := as_service_error(error)) is None:
            raise
        sys.stderr.write(f"{known}\n")
        raise SystemExit(known.exit_code) from error


def first_error(error: Any, whole: str = "body") -> str:
    """Return pydantic's first error as `data[0][3]: message`; `whole` names a value that has no parts."""
    first = error.errors()[0]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".") or whole
    return f"{place}: {first['msg']}".removeprefix(": ")[:300]
