"""Many batches at a time, with their answers in order and a bounded number of batches in memory."""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Queue
from typing import TypeVar

T = TypeVar("T")


def paths_on_stdin() -> Iterator[list[Path]]:
    """Yield the paths on stdin, one per line: each time all that have arrived."""
    rest = b""
    while chunk := os.read(0, 65536):
        *lines, rest = (rest + chunk).split(b"\n")
        yield [Path(os.fsdecode(line)) for line in lines if line]
    yield [Path(os.fsdecode(rest))] if rest else []


def batches_of(size: int, sources: Iterable[list[Path]]) -> Iterator[list[Path]]:
    """Yield the paths in batches of at most `size`. A batch does not wait for paths that have not arrived."""
    for paths in sources:
        for start in range(0, len(paths), size):
            yield paths[start : start + size]


def in_order(ask: Callable[[list[Path]], T], batches: Iterable[list[Path]], concurrency: int) -> Iterator[T]:
    """Yield `ask(batch)` of each batch in turn. `concurrency` batches are asked at a time, and as many more wait.

    Raises:
        Exception: whatever `ask` raised, at the position of its answer, or whatever ended `batches`.
    """
    pool = ThreadPoolExecutor(concurrency)
    asked: Queue[Future[T] | None] = Queue(concurrency)

    def feed() -> None:
        end: Future[T] | None = None
        try:
            for batch in batches:
                asked.put(pool.submit(ask, batch))
        except Exception as error:  # noqa: BLE001 also the pool's refusal while the program ends, which nothing reads
            end = Future()
            end.set_exception(error)
        asked.put(end)

    # Not a thread of the pool: Python waits for those at the end, and the next line on stdin may never arrive.
    threading.Thread(target=feed, daemon=True).start()
    while answer := asked.get():
        yield answer.result()
