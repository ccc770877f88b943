"""Run the worker's children, each in a slot of its own."""

from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from ctypes import c_bool
from multiprocessing.context import SpawnContext

from ..settings import Settings, read_environment
from .settings import SupervisionSettings
from .slot import Slot


def watched(context: SpawnContext, prepare: Callable[..., None], work: Callable[..., None]) -> Callable[..., None]:
    """Return a function that runs one child for each name, replaces those that die, and touches HEARTBEAT_FILE."""
    watch = read_environment(SupervisionSettings)

    def run(settings: Settings, burst: bool, names: Sequence[str], stopping: c_bool) -> None:
        if watch.hang_after <= settings.predict_timeout:
            raise SystemExit("wrong settings: HANG_AFTER must be longer than PREDICT_TIMEOUT")
        slots = [Slot(name, stopping, context, prepare) for name in names]
        for slot in slots:
            slot.start(work, settings, burst, slot.name)
        while slots:
            wait([slot.work for slot in slots], timeout=0.5, return_when=FIRST_COMPLETED)
            slots = [slot for slot in slots if slot.check(watch.hang_after)]
            if watch.heartbeat_file and all(slot.is_settled() for slot in slots):
                watch.heartbeat_file.touch()

    return run
