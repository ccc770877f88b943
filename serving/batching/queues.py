"""The requests that wait for a batch, and when a batch is due, by TensorFlow Serving's rules and parameters.

Requests of one batch have the same signature, outputs, types and shapes. The rows of one request stay in one batch.
"""

import threading
import time
from collections import deque
from collections.abc import Hashable
from concurrent.futures import Future
from dataclasses import dataclass, field

import grpc

from ..errors import RequestRefused, invalid
from ..hooks import Arrays
from .parameters import BatchingParameters


@dataclass(eq=False)
class Call:
    """One request's input arrays, all of `size` rows."""

    signature: str
    inputs: Arrays
    wanted: tuple[str, ...]
    size: int
    deadline: float  # of the monotonic clock
    answer: Future[Arrays] = field(default_factory=Future)

    def kind(self) -> Hashable:
        """Return what is equal in calls that can run in one batch."""
        inputs = frozenset((alias, array.dtype, array.shape[1:]) for alias, array in self.inputs.items())
        return self.signature, self.wanted, inputs


@dataclass(eq=False)
class _Batch:
    due: float  # of the monotonic clock
    calls: list[Call] = field(default_factory=list)
    size: int = 0


class BatchQueues:
    """One queue of batches for each kind of call. Many threads add calls, and many take batches."""

    def __init__(self, parameters: BatchingParameters) -> None:
        self._parameters = parameters
        # Guards the two fields below. One thread is woken for each batch that is opened, filled or left waiting.
        self._changed = threading.Condition()
        self._queues: dict[Hashable, deque[_Batch]] = {}  # no queue is empty; the last batch of each is open
        self._closed = False

    def put(self, call: Call) -> None:
        """Add `call` to the open batch of its kind, or open another batch if it does not fit.

        Raises:
            RequestRefused: the call is larger than a batch, the queue is full, or the queues are closed.
        """
        limits, kind = self._parameters, call.kind()
        if call.size > limits.max_batch_size:
            raise invalid(f"Task size {call.size} is larger than maximum input batch size {limits.max_batch_size}")
        with self._changed:
            if self._closed:
                raise RequestRefused(grpc.StatusCode.UNAVAILABLE, "the model is being unloaded")
            batches = self._queues.get(kind) or deque()
            if not batches or batches[-1].size + call.size > limits.max_batch_size:
                if len(batches) >= max(1, limits.max_enqueued_batches):
                    message = "The batch scheduling queue to which this task was submitted is full; currently"
                    message += f" {len(batches)} batches enqueued and max_enqueued_batches is"
                    raise RequestRefused(grpc.StatusCode.UNAVAILABLE, f"{message} {limits.max_enqueued_batches}")
                batches.append(_Batch(time.monotonic() + limits.batch_timeout_micros / 1e6))
                self._queues[kind] = batches
                self._changed.notify()
            batches[-1].calls.append(call)
            batches[-1].size += call.size
            if batches[-1].size == limits.max_batch_size:
                self._changed.notify()

    def take(self) -> list[Call]:
        """Wait until a batch is due and return its calls, or none once the queues are closed and empty.

        A batch is due when it is full, when another one waits behind it, or when its first call has waited for
        `batch_timeout_micros`.
        """
        with self._changed:
            while self._queues or not self._closed:
                now, waits = time.monotonic(), []
                for kind, batches in self._queues.items():
                    full = len(batches) > 1 or batches[0].size == self._parameters.max_batch_size
                    if full or self._closed or batches[0].due <= now:
                        return self._pop(kind)
                    waits.append(min(batches[0].due - now, threading.TIMEOUT_MAX))
                self._changed.wait(min(waits, default=None))
            return []

    def close(self) -> None:
        """Refuse further calls. All waiting batches are due now."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _pop(self, kind: Hashable) -> list[Call]:
        batches = self._queues.pop(kind)
        calls = batches.popleft().calls
        if batches:
            self._queues[kind] = batches  # behind the other kinds, so that they take turns
        if self._queues:
            self._changed.notify()  # another thread waits for what is left; this one runs its batch
        return calls
