"""Jobs that expired or were given up: list them, make new jobs of them, or drop them.

python -m asynchronous.dead_letters list | replay JOB_ID... | replay --all | drop JOB_ID... | drop --all
"""

import argparse
import json
import sys
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import redis

from .keys import DEAD_LETTERS, REDIS_AWAY, steps
from .settings import Settings, load_settings


@dataclass(frozen=True)
class DeadLetter:
    entry: str
    job_id: str
    status: str
    reason: str
    attempts: int
    ended_at: str


class DeadLetters:
    """Every method may raise one of REDIS_AWAY."""

    def __init__(self, settings: Settings) -> None:
        self._redis = redis.Redis.from_url(settings.redis_url, decode_responses=True)
        self._script = self._redis.register_script(steps(settings))

    def __iter__(self) -> Iterator[DeadLetter]:
        """Yield them, oldest first."""
        entries: list[tuple[str, dict[str, str]]] = self._redis.xrange(DEAD_LETTERS)  # type: ignore[assignment]
        for entry, fields in entries:
            ended_at = datetime.fromtimestamp(int(entry.partition("-")[0]) / 1000, UTC).isoformat("T", "seconds")
            attempts = int(fields.pop("attempts"))
            yield DeadLetter(entry=entry, ended_at=ended_at, attempts=attempts, **fields)

    def replay(self, letter: DeadLetter) -> str:
        """Make a new job of its image and return that job's id; or `gone` or `full`, and nothing is changed.

        The old job keeps its end: a terminal state never changes.
        """
        return str(self._script(args=["replay", letter.entry, uuid.uuid4().hex]))

    def drop(self, letter: DeadLetter) -> str:
        """Forget it and its image; return the job's id, or `gone`."""
        return str(self._script(args=["drop", letter.entry]))


def main() -> None:
    """Exit with 1 when a job was not among the dead letters, when one could not be replayed, or without Redis."""
    parser = argparse.ArgumentParser(prog="python -m asynchronous.dead_letters", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="one JSON line for each, oldest first")
    for name, meaning in {"replay": "make new jobs of their images", "drop": "forget them and their images"}.items():
        command = commands.add_parser(name, help=meaning)
        which = command.add_mutually_exclusive_group(required=True)
        which.add_argument("job_ids", nargs="*", default=[], metavar="JOB_ID")
        which.add_argument("--all", action="store_true")
    arguments = parser.parse_args()
    letters = DeadLetters(load_settings())
    try:
        if arguments.command == "list":
            for letter in letters:
                print(json.dumps({name: value for name, value in asdict(letter).items() if name != "entry"}))
        else:
            sys.exit(_each(letters, arguments.command, None if arguments.all else set(arguments.job_ids)))
    except REDIS_AWAY as error:
        sys.exit(f"Redis: not available: {error}")


def _each(letters: DeadLetters, command: str, job_ids: set[str] | None) -> int:
    """Apply `command` to the dead letters of these jobs, or to all; return the exit code."""
    act = letters.replay if command == "replay" else letters.drop
    chosen = [letter for letter in letters if job_ids is None or letter.job_id in job_ids]
    missing = (job_ids or set()) - {letter.job_id for letter in chosen}
    failures = [f"{job_id}: not among the dead letters" for job_id in sorted(missing)]
    for letter in chosen:
        match act(letter):
            case "gone":
                failures.append(f"{letter.job_id}: its image is no longer there")
            case "full":
                failures.append(f"{letter.job_id}: the queue is full, try again later")
            case job_id:
                print(f"{letter.job_id} replayed as {job_id}" if command == "replay" else f"{job_id} dropped")
    print(*failures, sep="\n", end="\n" if failures else "", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    main()
