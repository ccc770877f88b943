"""The jobs whose delivery was given up."""

from ..job_queue import JobQueue
from .ended import KEYS


async def undelivered(queue: JobQueue) -> list[dict[str, str]]:
    """Return these jobs, oldest first, with `entry`, `job_id`, `attempts` and `reason`; may raise RedisAway."""
    stream = queue.keys.name(KEYS["UNDELIVERED"])
    entries = await queue.call(lambda: queue.redis.xrange(stream))
    decoded = ({name.decode(): value.decode() for name, value in fields.items()} for _, fields in entries)
    return [{"entry": entry.decode(), **fields} for (entry, _), fields in zip(entries, decoded, strict=True)]


async def retry(queue: JobQueue, letter: dict[str, str]) -> str:
    """Schedule the delivery again; return the job's id, or `gone`."""
    answer = await queue.run("callbacks_retry", letter["entry"], letter["job_id"], jobs=[letter["job_id"]])
    return str(answer.decode())
