"""Run the calls of a batch as one, and return to each caller its own rows.

An invalid request fails alone. In TensorFlow Serving it fails its whole batch.
"""

import itertools
import threading
import time
from collections.abc import Iterable

import grpc
import numpy as np

from ..errors import RequestRefused, invalid
from ..hooks import Arrays, Run
from .parameters import BatchingParameters
from .queues import BatchQueues, Call

# The batch itself failed. After any other refusal, one of its requests may be the cause.
_NOT_THE_INPUTS = {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.FAILED_PRECONDITION}
_NOT_THE_INPUTS |= {grpc.StatusCode.CANCELLED, grpc.StatusCode.UNAVAILABLE}
_TOO_LATE = "Run() timeout exceeded while waiting in batching queue"


class Batcher:
    """A `run` that batches its calls; safe to use from many threads."""

    def __init__(self, run: Run, parameters: BatchingParameters) -> None:
        self._run, self._parameters = run, parameters
        self._queues = BatchQueues(parameters)
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(parameters.num_batch_threads)]
        for thread in self._threads:
            thread.start()

    def run(self, signature: str, inputs: Arrays, wanted: Iterable[str], timeout: float) -> Arrays:
        """Run in a batch. Inputs without rows, or a signature without inputs, run alone and at once.

        Raises:
            RequestRefused: an input is a scalar, the inputs differ in their numbers of rows, or the run failed.
        """
        rows = {array.shape[:1] for array in inputs.values()}
        if () in rows:
            raise invalid("Batching Run() input tensors must have at least one dimension")
        if len(rows) > 1:
            raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
        if rows in (set(), {(0,)}):
            return self._run(signature, inputs, wanted, timeout)
        call = Call(signature, inputs, tuple(sorted(wanted)), rows.pop()[0], time.monotonic() + timeout)
        self._queues.put(call)
        try:
            return call.answer.result(timeout)
        except TimeoutError as error:
            raise RequestRefused(grpc.StatusCode.DEADLINE_EXCEEDED, _TOO_LATE) from error

    def close(self) -> None:
        """Refuse further calls, and return when those that wait have been answered."""
        self._queues.close()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while calls := self._queues.take():
            self._answer(calls)

    def _answer(self, calls: list[Call]) -> None:
        """Run `calls`. If one of them may have made all fail, run the halves, down to the single request that fails."""
        now = time.monotonic()
        for call in calls:
            if call.deadline <= now:
                call.answer.set_exception(RequestRefused(grpc.StatusCode.DEADLINE_EXCEEDED, _TOO_LATE))
        calls = [call for call in calls if call.deadline > now]
        if not calls:
            return
        try:
            for call, answer in zip(calls, self._run_batch(calls, now), strict=True):
                call.answer.set_result(answer)
        except RequestRefused as error:
            if len(calls) > 1 and error.code not in _NOT_THE_INPUTS:
                half = len(calls) // 2
                self._answer(calls[:half])
                self._answer(calls[half:])
                return
            for call in calls:
                call.answer.set_exception(RequestRefused(error.code, str(error)))
        except Exception as error:  # noqa: BLE001 the thread must live on, and the callers must get an answer
            for call in calls:
                call.answer.set_exception(error)

    def _run_batch(self, calls: list[Call], now: float) -> list[Arrays]:
        size = self._parameters.padded(sum(call.size for call in calls))
        # The longest time left, as in TensorFlow Serving. A caller with less stops waiting before the run ends.
        timeout = max(call.deadline for call in calls) - now
        outputs = self._run(calls[0].signature, _merge(calls, size), calls[0].wanted, timeout)
        return _split(outputs, calls, size)


def _merge(calls: list[Call], size: int) -> Arrays:
    """Concatenate the rows of `calls`. Copies of the last call's first row pad them to `size`."""
    missing = size - sum(call.size for call in calls)
    if len(calls) == 1 and not missing:
        return calls[0].inputs
    padding = {alias: np.repeat(array[:1], missing, axis=0) for alias, array in calls[-1].inputs.items()}
    parts = [*(call.inputs for call in calls), padding]
    return {alias: np.concatenate([part[alias] for part in parts]) for alias in padding}


def _split(outputs: Arrays, calls: list[Call], size: int) -> list[Arrays]:
    """Return each call's rows of `outputs`, which must have `size` rows."""
    for array in outputs.values():
        if array.ndim == 0:
            raise RequestRefused(grpc.StatusCode.FAILED_PRECONDITION, "Batched output tensor has 0 dimensions")
        if len(array) != size:
            message = "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the "
            raise RequestRefused(grpc.StatusCode.FAILED_PRECONDITION, message + "input tensors")
    ends = itertools.accumulate(call.size for call in calls)
    spans = [slice(end - call.size, end) for call, end in zip(calls, ends, strict=True)]
    return [{alias: array[span] for alias, array in outputs.items()} for span in spans]
