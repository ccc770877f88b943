"""How many jobs a process claims at once, by the time that its calls have taken."""

import math
import time
from collections.abc import Sequence

from ..consumer import Result
from ..keys import NO_CONSUMER
from ..loop import Loop
from ..settings import Settings
from .batches import BoundedConsumer

QUICK_SECONDS = 0.25  # a batch that takes less time is not worth sharing
MARGIN = 0.5  # of PREDICT_TIMEOUT: a batch must not take longer


class FairClaims:
    """Decides for one process; it measures each call of the model."""

    def __init__(self, loop: Loop, settings: Settings) -> None:
        self._loop, self._settings, self._predict = loop, settings, loop.predict
        self._seconds_each = 0.0  # for an image; 0: nothing is measured yet

    def predict(self, images: Sequence[bytes]) -> list[Result]:
        """Predict and measure; a call that fails has taken its time as well."""
        began = time.monotonic()
        try:
            return self._predict(images)
        finally:
            each = (time.monotonic() - began) / len(images)
            # A slower call counts at once, a faster one by half: a quick batch must not lead to one that is too long.
            self._seconds_each = max(each, (each + self._seconds_each) / 2)

    def size(self) -> int:
        """Return the number of jobs to claim."""
        if not self._seconds_each:
            return 1
        in_time = int(MARGIN * self._settings.predict_timeout / self._seconds_each)
        most = max(1, min(self._settings.batch_size, in_time))
        return most if most * self._seconds_each < QUICK_SECONDS else min(most, self._share())

    def _share(self) -> int:
        consumer, lease = self._loop.queue, self._settings.lease * 1000
        length: int = consumer.call(lambda: consumer.redis.xlen(consumer.group[0]))
        consumers = consumer.call(lambda: consumer.redis.xinfo_consumers(*consumer.group))
        waiting: int = length - sum(each["pending"] for each in consumers)
        working: int = sum(each["idle"] < lease and each["name"] != NO_CONSUMER.encode() for each in consumers)
        return max(1, math.ceil(waiting / max(working, self._settings.worker_processes)))


def share_claims(loop: Loop, settings: Settings) -> None:
    """Let `loop` claim its share, in batches of limited size."""
    loop.queue = BoundedConsumer(settings, loop.queue.name)
    claims = FairClaims(loop, settings)
    loop.predict, loop.batch_size = claims.predict, claims.size
