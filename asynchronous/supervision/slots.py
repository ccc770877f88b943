"""Run the worker's children, each in a slot of its own."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from contextlib import suppress
from ctypes import c_bool
from multiprocessing.context import SpawnContext

from ..settings import Settings, read_environment
from .settings import SupervisionSettings
from .slot import Slot

MARGIN = 10  # seconds that a child may need after a prediction: for a status call, and for a Redis that does not answer
LATE = 5  # if a wait of half a second takes this many, this process was frozen, and its children probably with it


def watched(context: SpawnContext, prepare: Callable[..., None], work: Callable[..., None]) -> Callable[..., None]:
    """Return a function that runs one child for each name, replaces those that die, and touches HEARTBEAT_FILE."""
    watch = read_environment(SupervisionSettings)

    def run(settings: Settings, burst: bool, names: Sequence[str], stopping: c_bool) -> None:
        if watch.hang_after < settings.predict_timeout + MARGIN:
            raise SystemExit(f"wrong settings: HANG_AFTER must be {MARGIN} seconds longer than PREDICT_TIMEOUT")
        slots = [Slot(name, stopping, context, prepare) for name in names]
        for slot in slots:
            slot.start(work, settings, burst, slot.name)
        while slots:
            began = time.monotonic()
            wait([slot.work for slot in slots], timeout=0.5, return_when=FIRST_COMPLETED)
            if time.monotonic() - began > LATE:
                for slot in slots:
                    slot.beat()
            slots = [slot for slot in slots if slot.check(watch.hang_after)]
            if watch.heartbeat_file and all(slot.is_settled() for slot in slots):
                with suppress(OSError):  # its folder is gone; whatever reads the file sees that
                    watch.heartbeat_file.touch()

    return run
