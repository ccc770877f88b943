"""What the two commands share: arguments, and one line for each failure."""

import argparse
import signal
import sys
from collections.abc import Iterable
from typing import NoReturn

from ..client import TRANSPORTS


class Parser(argparse.ArgumentParser):
    """Arguments of a command that asks a server; `--timeout` is checked."""

    def __init__(self, command: str, text: str) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends the program at once, whatever the threads wait for
        super().__init__(
            prog=f"python -m {__package__.partition('.')[0]}.{command}", description=text, allow_abbrev=False
        )
        self.add_argument("--target", help="host, host:port or URL; else SERVING_GRPC, SERVING_REST or this machine")
        self.add_argument("--timeout", type=_seconds, default=10.0, help="seconds for each answer and its retries (10)")


def protocols() -> list[str]:
    """Return the available protocols: gRPC, and REST unless it was removed."""
    return [*TRANSPORTS]


def end_with(lines: Iterable[str]) -> NoReturn:
    """Print the lines, and end the program; a reader that has closed the pipe ends it too."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # not before: a server that closes a connection must not end it
    for line in lines:
        print(line)
    sys.exit(0)


def fail(code: int, reason: object) -> NoReturn:
    """End the program with one line on stderr."""
    print(f"error: {' '.join(str(reason).split())}", file=sys.stderr)
    sys.exit(code)


def text(value: str) -> str:
    """Return an argument, or raise an error if it is not UTF-8."""
    if not value.isprintable():  # Python reads other bytes as halves of surrogate pairs
        raise argparse.ArgumentTypeError("must be printable text in UTF-8")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text} must be above 0 and at most 3600")
    return value
