"""Run patterns: `make up PATTERN=x` in the foreground, `make up` in the background until `make down`."""

import argparse
import fcntl
import math
import os
import signal
import sys
import time
from pathlib import Path

from .processes import ROOT, Program, ProgramFailed, exit_on_signals
from .servers import ServerMissing
from .settings import Settings
from .stack import PATTERNS, Stack

FOLDER = Path(os.environ.get("RUN_DIR", ROOT / ".run")).resolve()
LOCK = FOLDER / "up.pid"
LOG = FOLDER / "up.log"
RUNNING = "running"


def run(patterns: tuple[str, ...]) -> int:
    """Start `patterns` and wait for a signal to stop; hold `LOCK` while any of these programs may run."""
    FOLDER.mkdir(exist_ok=True)
    with LOCK.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("already running; `make down` stops it", file=sys.stderr)
            return 1
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        exit_on_signals(0)
        try:
            with Stack(patterns, Settings.read(), FOLDER) as stack:
                stack.start()
                for pattern in patterns:
                    stack.wait(pattern, lambda line: print(line, flush=True))
                print(RUNNING, flush=True)
                return watch(stack)
        except (ProgramFailed, ServerMissing) as error:
            print(error, file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 0


def watch(stack: Stack) -> int:
    """Return when a program of `stack` ends by itself, which is always a fault."""
    while True:
        for program in stack.programs:
            if program.poll() is not None:
                print(f"{program.name} ended with exit code {program.poll()}; see {program.log}", file=sys.stderr)
                return 1
        time.sleep(0.5)


def run_in_background(patterns: tuple[str, ...]) -> int:
    """Start this program again, detached, and show its output until everything runs."""
    LOG.unlink(missing_ok=True)
    shown = 0

    def ready() -> bool:
        nonlocal shown
        text = LOG.read_text()
        print(text[shown:], end="", flush=True)
        shown = len(text)
        return RUNNING in text.splitlines()

    program = Program("up", [sys.executable, "-m", "local.up", *patterns], ready, LOG)
    try:
        program.wait_ready(math.inf)  # it ends by itself when READY_SECONDS have passed
    except ProgramFailed:
        ready()
        return 1
    except KeyboardInterrupt:
        program.stop(math.inf)  # each program that it started takes less than half a minute
        return 130
    return 0


def stop() -> int:
    """Stop the programs in the background and wait until they have ended."""
    if not LOCK.exists():
        return 0
    with LOCK.open() as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.kill(int(lock.read()), signal.SIGTERM)
            fcntl.flock(lock, fcntl.LOCK_EX)
    LOCK.unlink()
    return 0


def main() -> int:
    """Parse the command line and run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patterns", nargs="*", choices=[*PATTERNS, []], help="default: all four")
    parser.add_argument("--background", action="store_true", help="return as soon as everything runs")
    parser.add_argument("--stop", action="store_true", help="stop what runs in the background")
    arguments = parser.parse_args()
    if arguments.stop:
        return stop()
    patterns = tuple(arguments.patterns) or PATTERNS
    return run_in_background(patterns) if arguments.background else run(patterns)


if __name__ == "__main__":
    sys.exit(main())
