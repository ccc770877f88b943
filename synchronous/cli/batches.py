"""Many batches at a time, with their answers in order and a bounded number of batches in memory."""

import codecs
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from typing import TypeVar

T = TypeVar("T")
SECONDS = 0.2  # the longest wait: Python does not notice a signal that arrives just before a wait until that one ends


def paths_on_stdin() -> Iterator[list[Path]]:
    """Yield the paths on stdin, one per line; each list holds those that have arrived since the last.

    Raises:
        OSError: stdin cannot be read, or is in UTF-16.
    """
    rest = os.read(0, 65536).removeprefix(codecs.BOM_UTF8)
    if rest.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise OSError("the list of paths is in UTF-16; write it in UTF-8")
    chunk = rest
    while chunk:
        *lines, rest = rest.split(b"\n")
        yield [_path(line) for line in lines if line.strip()]
        chunk = os.read(0, 65536)
        rest += chunk
    yield [_path(rest)] if rest.strip() else []


def _path(line: bytes) -> Path:
    """Return the path. White space around it, as in a list from Windows, is kept only if a file has that exact name."""
    exact = Path(os.fsdecode(line))
    return exact if os.path.exists(line) else Path(os.fsdecode(line.strip()))


def batches_of(size: int, sources: Iterable[list[Path]]) -> Iterator[list[Path]]:
    """Yield the paths in batches of at most `size`. A batch does not wait for paths that have not arrived."""
    for paths in sources:
        for start in range(0, len(paths), size):
            yield paths[start : start + size]


def in_order(ask: Callable[[list[Path]], T], batches: Iterable[list[Path]], concurrency: int) -> Iterator[T]:
    """Yield `ask(batch)` of each batch in turn. `concurrency` batches are asked at a time, and at most two more wait.

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
    while answer := _next(asked):
        while not answer.done():
            wait([answer], SECONDS)
        yield answer.result()


def _next(asked: Queue[T]) -> T:
    while True:
        with suppress(Empty):
            return asked.get(timeout=SECONDS)
