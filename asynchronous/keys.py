"""What this pattern keeps in Redis, and the script that changes it.

    key               what                                           lifetime
    {job_id}_image    the image's bytes, as they were sent           until the job has ended
    {job_id}_job      hash: status, attempts, times, result          RESULT_LIFETIME after the job's end
    jobs              stream: an entry for each job that is open     longer than any job in it; every new job renews it

The stream's length is the number of jobs queued or in flight. An entry in a consumer's pending list is a lease: when
the consumer does not renew the lease, it lapses, and another consumer claims the job. Every change is one atomic run
of `job_queue.lua`. A run touches several keys, so Redis Cluster is not supported.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

import redis
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError

from .settings import Settings

RECORD, IMAGE = "_job", "_image"
QUEUE, GROUP = "jobs", "workers"
NO_CONSUMER = "nobody"  # holds the entries that were released
CONSUMER_LIFETIME = 3600  # seconds that an idle consumer is kept

# Transient: Redis is down, slow, loading, full or demoted, or it restarted between receiving the script and running it.
REDIS_AWAY = (redis.ConnectionError, redis.TimeoutError, OutOfMemoryError, ReadOnlyError, NoScriptError)


def is_away(error: Exception) -> bool:
    """Return whether this error is transient. MISCONF and NOREPLICAS: Redis lacks a disk or replicas to write to."""
    return isinstance(error, (*REDIS_AWAY, TimeoutError)) or str(error).startswith(("MISCONF", "NOREPLICAS"))


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def script(settings: Settings) -> str:
    """Return `job_queue.lua`, then each `*/NAME.lua` of the optional folders, with the constants from its `NAME.py`.

    The script depends on which files exist, not on what a program imports: all programs must run the same script."""
    root = Path(__file__).parent
    text = [_declare(_constants(settings)), (root / "job_queue.lua").read_text()]
    for path in sorted(root.glob("*/*.lua")):
        constants = import_module(f".{path.parent.name}.{path.stem}", __package__).constants()
        text += ["do\n", _declare(constants), path.read_text(), "end\n"]
    return "".join([*text, "return run(unpack(ARGV))\n"])


def _constants(settings: Settings) -> Mapping[str, object]:
    seconds = {"CONSUMER_LIFETIME": CONSUMER_LIFETIME, "LEASE": settings.lease}
    seconds |= {"JOB_LIFETIME": settings.job_lifetime, "RESULT_LIFETIME": settings.result_lifetime}
    limits = {"MAX_ATTEMPTS": settings.max_attempts, "MAX_QUEUED_JOBS": settings.max_queued_jobs}
    names = {"RECORD": RECORD, "IMAGE": IMAGE, "QUEUE": QUEUE, "GROUP": GROUP, "NO_CONSUMER": NO_CONSUMER}
    return {name: milliseconds(value) for name, value in seconds.items()} | limits | names


def _declare(constants: Mapping[str, object]) -> str:
    def literal(value: object) -> str:
        return f"{{{', '.join(map(repr, value))}}}" if isinstance(value, tuple) else repr(value)

    return "".join(f"local {name} = {literal(value)}\n" for name, value in constants.items())
