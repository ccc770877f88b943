"""The real worker, whose children die at their start: a spawned child imports its parent's main module first."""

from asynchronous import loop, worker
from asynchronous.supervision import slot


def _die(*_: object) -> None:
    raise ImportError("a module is missing")


loop.Loop.run = _die
slot.SETTLED_SECONDS = 120  # on a busy machine the start itself may take long

if __name__ == "__main__":
    worker.main()
