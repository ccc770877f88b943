"""Jobs that expired or were given up: list them, make new jobs from them, or drop them.

python -m asynchronous.dead_letters list | replay JOB_ID... | replay --all | drop JOB_ID... | drop --all
"""

import argparse
import json
import sys
from dataclasses import asdict

from ..errors import RedisAway
from ..settings import load_settings
from .stream import DeadLetters


def main() -> None:
    """Exit with 1 if a job is not a dead letter, if a dead letter cannot be replayed, or if Redis is unavailable."""
    parser = argparse.ArgumentParser(
        prog="python -m asynchronous.dead_letters", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="print each as one line of JSON, oldest first")
    for name, meaning in {"replay": "make new jobs from their images", "drop": "delete them and their images"}.items():
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
            sys.exit(_apply(letters, arguments.command, None if arguments.all else set(arguments.job_ids)))
    except RedisAway as error:
        sys.exit(str(error))


def _apply(letters: DeadLetters, command: str, job_ids: set[str] | None) -> int:
    """Apply `command` to the dead letters of these jobs, or to all; return the exit code."""
    apply = letters.replay if command == "replay" else letters.drop
    chosen = [letter for letter in letters if job_ids is None or letter.job_id in job_ids]
    missing = (job_ids or set()) - {letter.job_id for letter in chosen}
    failures = [f"{job_id}: not among the dead letters" for job_id in sorted(missing)]
    for letter in chosen:
        match apply(letter):
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
