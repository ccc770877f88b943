"""Exit codes, and the one place where an error becomes one."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum

from sqlalchemy.exc import DBAPIError

from .artifact import ArtifactRefused
from .csv_rows import BadLine
from .database import unavailable
from .outputs import ExportRefused
from .schema import MigrationBusy, SchemaTooOld, missing
from .scope import BadScope
from .settings import BadSetting

SECONDS_TO_STOP = 5  # Docker gives 10 before it kills, Kubernetes 30


class Exit(IntEnum):
    """What the caller of a command can tell apart; 1 is a crash."""

    DONE = 0
    BAD_USAGE = 2
    ROWS_FAILED = 3
    DATABASE = 4
    ARTEFACT = 5
    DEADLINE = 6
    SCHEMA = 7
    INTERRUPTED = 130
    TERMINATED = 143


def end_on_sigterm() -> None:
    """Let SIGTERM end this program at once, also as process 1 of a container; what is not committed is taken back."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.TERMINATED))


@contextmanager
def stopped_by_signals(stop: Callable[[int], None]) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C call `stop`, and end the block where it stands if that has not in SECONDS_TO_STOP.

    An exception out of a signal handler can come up anywhere. Between a transaction's begin and the `with` that would
    end it, it leaves the transaction open, and SQLite's file locked for whoever wants to record the end.
    """

    def handle(number: int, _: object) -> None:
        stop(number)
        signal.signal(signal.SIGALRM, lambda *_: sys.exit(128 + number))
        signal.alarm(SECONDS_TO_STOP)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        signal.alarm(0)  # what is left is the interpreter's own end, where it would kill and spoil the exit code
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def one_line() -> Iterator[None]:
    """Turn an error that the operator can mend into one line on stderr and its exit code."""
    try:
        yield
    except (BadSetting, BadScope, BadLine, ExportRefused, OSError) as error:
        code, line = Exit.BAD_USAGE, str(error)
    except ArtifactRefused as error:
        code, line = Exit.ARTEFACT, str(error)
    except SchemaTooOld as error:
        code, line = Exit.SCHEMA, str(error)
    except MigrationBusy as error:
        code, line = Exit.DATABASE, str(error)
    except DBAPIError as error:
        if lacking := missing(error):
            code, line = Exit.SCHEMA, lacking
        elif lacking := unavailable(error):
            code, line = Exit.DATABASE, lacking
        else:
            raise
    else:
        return
    sys.stderr.write(f"{line}\n")
    raise SystemExit(code)
