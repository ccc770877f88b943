"""Who waits for which job, in this process."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Waiters:
    """An event for each one who waits; thousands may wait for as many jobs."""

    def __init__(self) -> None:
        self._events: defaultdict[str, set[asyncio.Event]] = defaultdict(set)

    @contextmanager
    def waiting_for(self, job_id: str) -> Iterator[asyncio.Event]:
        """Give an event that is set whenever the job may have ended."""
        event = asyncio.Event()
        self._events[job_id].add(event)
        try:
            yield event
        finally:
            self._events[job_id].discard(event)
            if not self._events[job_id]:
                del self._events[job_id]

    def wake(self, job_ids: Iterable[str] | None = None) -> None:
        """Wake who waits for one of these jobs; without ids, everyone."""
        for job_id in tuple(self._events) if job_ids is None else job_ids:
            for event in self._events.get(job_id, ()):
                event.set()
