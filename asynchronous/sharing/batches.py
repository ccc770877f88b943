"""Batches of a limited number of bytes."""

from ..consumer import Consumer, Entry
from ..settings import Settings

MAX_BATCH_BYTES = 16 * 2**20  # a batch of this size is full, however few its images


class BoundedConsumer(Consumer):
    """Claims smaller batches of large images. It keeps the leases of the entries that it has read but not started."""

    def __init__(self, settings: Settings, name: str) -> None:
        super().__init__(settings, name)
        self._rest: list[Entry] = []  # read, and not started yet

    def read(self, after: str, count: int, block: int | None = None) -> list[Entry]:
        """Return new entries (`>`), as many as one batch may have; or all that this consumer holds (`0`)."""
        if after != ">":
            self._rest = []  # the caller will release them
            return super().read(after, count, block)
        entries = self._rest or super().read(after, count, block)
        taken = size = 0
        while taken < min(count, len(entries)) and size < MAX_BATCH_BYTES:
            size += int(entries[taken][1].get(b"size", 0))
            taken += 1
        self._rest = entries[taken:]
        return entries[:taken]
