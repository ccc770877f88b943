"""What this pattern keeps in Redis, and the script that changes it.

    key               what                                           lifetime
    {job_id}_image    the image's bytes, as they were sent           until the job has ended
    {job_id}_job      hash: status, attempts, times, result          RESULT_LIFETIME or longer after the job's end
    jobs              stream: an entry for each job that is open     longer than any job in it; every new job renews it
    jobs_running      hash: start and jobs of a consumer's batch     longer than any batch; every batch renews it

The stream has the name QUEUE. If that is not `jobs`, all other names begin with it: `cats:{job_id}_image`.
The stream's length is the number of jobs queued or in flight. An entry in a consumer's pending list is a lease: when
the consumer does not renew the lease, it lapses, and another consumer claims the job. Every change is one atomic run
of `job_queue.lua`, and each run declares every key that it may touch.
"""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path

from .settings import QUEUE, Settings

RECORD, IMAGE = "_job", "_image"
GROUP = "workers"
NO_CONSUMER = "nobody"  # holds the entries that were released
CONSUMER_LIFETIME = 3600  # seconds that an idle consumer is kept


class Keys:
    """The names of one queue's keys, including those that optional folders add."""

    def __init__(self, settings: Settings) -> None:
        self.stream = settings.queue
        self.running = f"{settings.queue}_running"
        self.prefix = "" if settings.queue == QUEUE else f"{settings.queue}:"
        parts = (getattr(module, "KEYS", {}) for _, module in _parts())
        self._shared = [self.stream, self.running, *(self.name(key) for keys in parts for key in keys.values())]

    def name(self, key: str) -> str:
        """Return the full name of an optional folder's key; a key such as `_x` follows the name of the queue."""
        return (self.stream if key.startswith("_") else self.prefix) + key

    def image(self, job_id: str) -> str:
        """Return the name of a job's image."""
        return f"{self.prefix}{job_id}{IMAGE}"

    def of_step(self, job_ids: Sequence[str]) -> list[str]:
        """Return all keys that a step on these jobs may touch."""
        return self._shared + [f"{self.prefix}{job_id}{part}" for job_id in job_ids for part in (RECORD, IMAGE)]


class Script:
    """`job_queue.lua`, then each `*/NAME.lua` of the optional folders, with the constants from its `NAME.py`, if any.

    The text depends on which files exist, not on what a program imports: all programs must run the same script."""

    def __init__(self, settings: Settings) -> None:
        self.keys = keys = Keys(settings)
        text = [_declare(_constants(settings, keys)), (Path(__file__).parent / "job_queue.lua").read_text()]
        for path, module in _parts():
            shared = {name: keys.name(key) for name, key in getattr(module, "KEYS", {}).items()}
            text += ["do\n", _declare({**shared, **getattr(module, "constants", dict)()}), path.read_text(), "end\n"]
        self.text = "".join([*text, "return run(unpack(ARGV))\n"])


def milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _parts() -> Iterator[tuple[Path, object]]:
    for path in sorted(Path(__file__).parent.glob("*/*.lua")):
        has_constants = path.with_suffix(".py").exists()
        yield path, import_module(f".{path.parent.name}.{path.stem}", __package__) if has_constants else None


def _constants(settings: Settings, keys: Keys) -> Mapping[str, object]:
    seconds = {"CONSUMER_LIFETIME": CONSUMER_LIFETIME, "LEASE": settings.lease}
    seconds |= {"JOB_LIFETIME": settings.job_lifetime, "RESULT_LIFETIME": settings.result_lifetime}
    limits = {"MAX_ATTEMPTS": settings.max_attempts, "MAX_QUEUED_JOBS": settings.max_queued_jobs}
    texts = {"GROUP": GROUP, "NO_CONSUMER": NO_CONSUMER, "RECORD": RECORD, "IMAGE": IMAGE}
    texts |= {"PREFIX": keys.prefix, "QUEUE": keys.stream, "RUNNING": keys.running, "MODEL": settings.model_name}
    return {name: milliseconds(value) for name, value in seconds.items()} | limits | texts


def _declare(constants: Mapping[str, object]) -> str:
    return "".join(f"local {name} = {value!r}\n" for name, value in constants.items())
