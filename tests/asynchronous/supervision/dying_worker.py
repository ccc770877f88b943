"""The real worker, whose children die at their start: a spawned child imports its parent's main module first."""

from asynchronous import loop, worker


def _die(*_: object) -> None:
    raise ImportError("a module is missing")


loop.Loop.run = _die

if __name__ == "__main__":
    worker.main()
