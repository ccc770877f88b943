"""Deliver the ends of jobs as signed webhooks; or list the deliveries that were given up, or schedule them again.

python -m asynchronous.callbacks [list | retry JOB_ID... | retry --all]
"""

import argparse
import asyncio
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing

from ..errors import RedisAway
from ..job_queue import JobQueue
from ..settings import Settings, load_settings, read_environment
from .delivery import IN_FLIGHT, Delivery
from .settings import DeliverySettings
from .undelivered import retry, undelivered
from .webhook import Sender


async def deliver(settings: Settings) -> None:
    """Deliver until SIGTERM or SIGINT."""
    chosen, queue = read_environment(DeliverySettings), JobQueue(settings)
    # A look-up of a name takes a thread, and hosts whose names are looked up in vain must not delay the others.
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(IN_FLIGHT))
    async with aclosing(queue.redis), Sender(chosen) as sender:
        delivery = Delivery(queue, sender, chosen)
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, delivery.stop)
        await delivery.run()


async def manage(settings: Settings, arguments: argparse.Namespace) -> int:
    """List the jobs that were not delivered, or schedule some of them again; return the exit code."""
    queue = JobQueue(settings)
    async with aclosing(queue.redis):
        found = await undelivered(queue)
        if arguments.command == "list":
            print(*(json.dumps(each) for each in found), sep="\n", end="\n" if found else "")
            return 0
        chosen = [each for each in found if arguments.all or each["job_id"] in arguments.job_ids]
        missing = set(arguments.job_ids) - {each["job_id"] for each in chosen}
        for each in chosen:
            if await retry(queue, each) == "gone":
                missing.add(each["job_id"])
    for job_id in sorted(missing):
        print(f"{job_id}: not among the undelivered jobs, or its result's lifetime is over", file=sys.stderr)
    return 1 if missing else 0


def main() -> None:
    """Exit with 1 if Redis is unavailable, or if a job cannot be scheduled again."""
    parser = argparse.ArgumentParser(
        prog="python -m asynchronous.callbacks", description=(__doc__ or "").partition("\n")[0]
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="print each undelivered job as one line of JSON, oldest first")
    again = commands.add_parser("retry", help="schedule them again").add_mutually_exclusive_group(required=True)
    again.add_argument("job_ids", nargs="*", default=[], metavar="JOB_ID")
    again.add_argument("--all", action="store_true")
    arguments, settings = parser.parse_args(), load_settings()
    try:
        if arguments.command is None:
            asyncio.run(deliver(settings))
        else:
            sys.exit(asyncio.run(manage(settings, arguments)))
    except RedisAway as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
