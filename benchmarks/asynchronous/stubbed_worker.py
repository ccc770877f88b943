"""The real worker with a model that answers at once, so that what is measured is the queue.

    python -m benchmarks.asynchronous.stubbed_worker --burst

The worker spawns its children, and a spawned child imports its parent's main module first: this one. So the model is
replaced in each child before the worker's loop looks for it, and the pattern's code is unchanged. Nothing else may
import this module: the importing program would lose its model.
"""

import os
import time
from collections.abc import Sequence

from asynchronous import model, worker
from asynchronous.consumer import Result
from asynchronous.outages import patient

from .environment import CPU_FILE, CPU_TIMES


class Constant:
    """Answers every image alike."""

    def __init__(self, *_: object) -> None:
        path = os.environ.get(CPU_FILE)
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600) if path else None
        self._first: float | None = None

    def obstacle(self) -> str:
        return ""

    def predict(self, images: Sequence[bytes]) -> list[Result]:
        if self._file is not None:
            now = time.process_time()
            self._first = self._first or now
            os.pwrite(self._file, CPU_TIMES.pack(self._first, now), 0)
        return [Result("7", 0.99)] * len(images)


model.Model = patient.PatientModel = Constant

if __name__ == "__main__":
    worker.main()
