"""What this pattern keeps in Redis. `job_queue.py` is the proxy's way to it, `consumer.py` the worker's.

    key               what                                      lifetime
    {job_id}_image    the image's bytes as they came            until done or refused; DEAD_LETTER_LIFETIME if given up
    {job_id}_job      hash: status, attempts, times, result     RESULT_LIFETIME after the job's end
    {sha256}_key      hash: the job of an Idempotency-Key       JOB_LIFETIME + RESULT_LIFETIME
    jobs              stream, an entry for each living job      longer than any job in it; every new job renews it
    dead_letters      stream: jobs expired or given up, why     DEAD_LETTER_LIFETIME
    job_counters      hash: totals for /metrics                 COUNTERS_LIFETIME after the last change
    jobs_ended        channel: ids of jobs that ended; `jobs_changed`: of all that came to another state

The stream's length is the number of jobs queued or in flight. An entry in a consumer's pending list is a lease: it
lapses when it is not renewed, and another takes the job up. Every change is one atomic step of `job_queue.lua`.
Not for Redis Cluster: a step touches several keys.
"""

from pathlib import Path
from typing import Any

import redis
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError

from .settings import Settings

RECORD, IMAGE, KEY = "_job", "_image", "_key"
QUEUE, GROUP, NOBODY = "jobs", "workers", "nobody"  # entries that were given back are nobody's
DEAD_LETTERS, COUNTERS, ENDED, CHANGED = "dead_letters", "job_counters", "jobs_ended", "jobs_changed"
COUNTERS_LIFETIME, CONSUMER_LIFETIME = 30 * 86_400, 3600  # seconds
MAX_DEAD_LETTERS = 10_000
LATENCY_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # seconds
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

# Not there, too slow, loading, full, demoted, or started anew between being given the script and being asked to run it:
# it comes back, so callers wait or answer 503, and nothing crashes.
REDIS_AWAY = (redis.ConnectionError, redis.TimeoutError, OutOfMemoryError, ReadOnlyError, NoScriptError)


def raise_if_away(error: ResponseError) -> None:
    """Count a Redis that may not write now, for want of disk or replicas, among REDIS_AWAY."""
    if str(error).startswith(("MISCONF", "NOREPLICAS")):
        raise redis.ConnectionError(str(error)) from error


def steps(settings: Settings) -> str:
    """Return the Lua script, with the names above and the limits in `settings` in front of it."""
    seconds = {"COUNTERS_LIFETIME": COUNTERS_LIFETIME, "CONSUMER_LIFETIME": CONSUMER_LIFETIME, "LEASE": settings.lease}
    for name in ("job_lifetime", "result_lifetime", "dead_letter_lifetime"):
        seconds[name.upper()] = getattr(settings, name)
    values: dict[str, Any] = {name: _milliseconds(value) for name, value in seconds.items()}
    values |= {"MAX_ATTEMPTS": settings.max_attempts, "MAX_QUEUED_JOBS": settings.max_queued_jobs}
    values |= {"MAX_DEAD_LETTERS": MAX_DEAD_LETTERS, "RECORD": RECORD, "IMAGE": IMAGE, "KEY": KEY}
    values |= {"QUEUE": QUEUE, "GROUP": GROUP, "NOBODY": NOBODY, "DEAD_LETTERS": DEAD_LETTERS, "COUNTERS": COUNTERS}
    values |= {"ENDED": ENDED, "CHANGED": CHANGED}
    lines = [f"local {name} = {value!r}\n" for name, value in values.items()]
    for name, bounds in {"LATENCY": map(_milliseconds, LATENCY_BOUNDS), "BATCH": BATCH_BOUNDS}.items():
        lines.append(f"local {name}_BOUNDS = {{{', '.join(map(str, bounds))}}}\n")
    return "".join(lines) + Path(__file__).with_name("job_queue.lua").read_text()


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
