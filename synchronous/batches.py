"""Many batches at a time and their answers in order, with no more in memory than are being asked."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import TypeVar

T = TypeVar("T")


def paths_on_stdin() -> Iterator[list[Path]]:
    """Yield the paths, one per line, that have come by now, and again when there are more."""
    rest = b""
    while chunk := os.read(0, 65536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield [Path(os.fsdecode(line)) for line in lines if line]
    yield [Path(os.fsdecode(rest))] if rest else []


def batches_of(size: int, sources: Iterable[list[Path]]) -> Iterator[list[Path]]:
    """Yield the paths in batches of at most `size`; none waits for paths that have not come yet."""
    for paths in sources:
        for start in range(0, len(paths), size):
            yield paths[start : start + size]


def in_order(ask: Callable[[list[Path]], T], batches: Iterable[list[Path]], concurrency: int) -> Iterator[T]:
    """Yield `ask(batch)` of each batch in turn; beyond the `concurrency` that are asked, as many may wait.

    Raises:
        Exception: what `ask` raised, in the place of its answer, or what ended `batches`.
    """
    pool = ThreadPoolExecutor(concurrency)
    asked: Queue[Future[T] | None] = Queue(concurrency)

    def feed() -> None:
        end: Future[T] | None = None
        try:
            for batch in batches:
                asked.put(pool.submit(ask, batch))
        except Exception as error:  # noqa: BLE001 also that the pool takes no more: then the program ends, and nobody reads it
            end = Future()
            end.set_exception(error)
        asked.put(end)

    # Not in the pool, for whose threads Python waits at the end: the next line on stdin may never come.
    threading.Thread(target=feed, daemon=True).start()
    while answer := asked.get():
        yield answer.result()
