"""Read the stream of ended jobs, and deliver those that were posted with a URL."""

import asyncio
import logging
import time
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

import httpx

from ..errors import RedisAway
from ..job_queue import JobQueue
from ..keys import RECORD, milliseconds
from ..schemas import Job
from .ended import GROUP, KEYS, LEASE, URL_FIELD
from .hosts import NotListed, Refused, check_url
from .settings import DeliverySettings
from .webhook import Sender

log = logging.getLogger(__name__)

CONSUMER = "callbacks"  # the same for all programs, so that the next one reads again what a killed one has read
IN_FLIGHT, IN_FLIGHT_OF_HOST = 256, 8
MARGIN = 5  # seconds before the end of a lease, in which no delivery begins
PAUSE_SECONDS, LONGEST_PAUSE = 0.2, 1200


class Delivery:
    """Runs until `stop`; what is not delivered by then is delivered by the next program."""

    def __init__(self, queue: JobQueue, sender: Sender, settings: DeliverySettings) -> None:
        self._queue, self._sender, self._settings = queue, sender, settings
        self._stopping, self._running = asyncio.Event(), set[asyncio.Task[None]]()
        self._of_host: Counter[str] = Counter()
        self._waiting = defaultdict[str, deque[tuple[float, str]]](deque)  # for a busy host: until when, job id

    def stop(self) -> None:
        """Begin no more deliveries."""
        self._stopping.set()

    async def run(self) -> None:
        """Schedule and deliver, then wait for the deliveries that have begun."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self._schedule))
            group.create_task(self._repeat(self._deliver))
        if self._running:
            await asyncio.wait(self._running, timeout=self._settings.callback_timeout + 5)

    async def _repeat(self, work: Callable[[], Awaitable[None]]) -> None:
        warned = ""
        while not self._stopping.is_set():
            if self._settings.heartbeat_file:  # stale if the event loop hangs, but not while Redis is unavailable
                with suppress(OSError):  # its folder is gone; whatever reads the file sees that
                    self._settings.heartbeat_file.touch()
            try:
                await work()
                warned = ""
            except RedisAway as error:
                if str(error) != warned:
                    log.warning("%s; waiting for it", error)
                warned = str(error)
                if "NOGROUP" in warned:
                    with suppress(RedisAway):
                        await self._queue.run("callbacks_join")
                await asyncio.sleep(PAUSE_SECONDS)

    async def _schedule(self) -> None:
        for entry, ends in await self._read("0") or await self._read(">"):
            ids = [job_id.decode() for job_id in ends]
            await self._queue.run("callbacks_schedule", entry, *ids, jobs=ids)

    async def _read(self, after: str) -> list[tuple[bytes, dict[bytes, bytes]]]:
        stream, client = self._queue.keys.name(KEYS["ENDED_JOBS"]), self._queue.redis
        read = await self._queue.call(
            lambda: client.xreadgroup(GROUP, CONSUMER, {stream: after}, count=100, block=500 if after == ">" else None)
        )
        return [entry for entry in read[0][1] if entry[1]] if read else []

    async def _deliver(self) -> None:
        free = IN_FLIGHT - len(self._running)
        due = await self._queue.run("callbacks_due", str(free)) if free > 0 else []
        for job_id in due:
            self._start(job_id.decode())
        if len(due) < free or not free:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), PAUSE_SECONDS)

    def _start(self, job_id: str, *, has_waited: bool = False) -> None:
        task = asyncio.create_task(self._attempt(job_id, has_waited))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _start_next(self, host: str) -> None:
        """Start the next delivery that waits for this host. If its lease is about to lapse, it is due again soon."""
        waiting = self._waiting[host]
        while waiting and not self._stopping.is_set():
            until, job_id = waiting.popleft()
            if time.monotonic() < until:
                return self._start(job_id, has_waited=True)

    async def _attempt(self, job_id: str, has_waited: bool) -> None:
        with suppress(RedisAway):  # the lease lapses, and the delivery is made again
            if has_waited:
                await self._queue.run("callbacks_postpone", job_id, str(milliseconds(LEASE)))
            name = f"{self._queue.keys.prefix}{job_id}{RECORD}"
            stored = await self._queue.call(lambda: self._queue.redis.hgetall(name))
            record = {field.decode(): value.decode() for field, value in stored.items()}
            attempts = int(record.get("callback_attempts", 0)) + 1
            try:
                if not record:
                    raise Refused("its result's lifetime is over")
                url = check_url(record[URL_FIELD], self._settings)
                if self._of_host[url.host] >= IN_FLIGHT_OF_HOST:  # a slow host must not delay the others
                    self._waiting[url.host].append((time.monotonic() + LEASE - MARGIN, job_id))
                    return
                status = await self._send(url, Job.of_record(job_id, record))
                if 200 <= status < 300:
                    await self._queue.run("callbacks_delivered", job_id, jobs=[job_id])
                    return
                reason, final = f"the answer was {status}", status == 410
            except Refused as error:
                reason, final = str(error), not isinstance(error, NotListed)
            except Exception as error:  # noqa: BLE001  an error of one receiver must not stop the other deliveries
                reason, final = f"{type(error).__name__}: {error}"[:300], False
            await self._fail(job_id, attempts, reason, final or attempts >= self._settings.callback_attempts)

    async def _send(self, url: httpx.URL, job: Job) -> int:
        self._of_host[url.host] += 1
        try:
            async with asyncio.timeout(self._settings.callback_timeout):
                return await self._sender.send(url, job)
        finally:
            self._of_host[url.host] -= 1
            self._start_next(url.host)

    async def _fail(self, job_id: str, attempts: int, reason: str, final: bool) -> None:
        pause = min(self._settings.callback_first_pause * 4 ** min(attempts - 1, 10), LONGEST_PAUSE)
        log.warning("job %s: attempt %d to deliver: %s%s", job_id, attempts, reason, "; given up" if final else "")
        left = "" if final else str(milliseconds(pause))
        await self._queue.run("callbacks_failed", job_id, str(attempts), reason, left, jobs=[job_id])
