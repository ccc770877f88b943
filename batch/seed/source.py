"""A file or stdin as text: unpacked by its content, decoded by its byte order mark, as UTF-8, or as an option says."""

import bz2
import codecs
import gzip
import lzma
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any, TextIO

from ..errors import ServiceError

PEEKED = 4_096  # bytes
PACKED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}
OTHERS = {b"PK\x03\x04": "a zip archive or an Excel workbook", b"\x28\xb5\x2f\xfd": "packed with zstd"}
OTHERS |= {b"PAR1": "a Parquet file", b"\xd0\xcf\x11\xe0": "an old Excel workbook", b"SQLite format 3": "a database"}
OTHERS |= {
    b"7z\xbc\xaf": "packed with 7-Zip",
    b"\x04\x22\x4d\x18": "packed with lz4",
    b"\x1f\x9d": "packed with compress",
}
OTHERS |= {b"\x1f\x8b": "packed twice", b"%PDF": "a PDF file", b"ARROW1": "an Arrow file", b"ORC": "an ORC file"}
TAR = slice(257, 262)  # where a tar archive says what it is
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32"}
MARKS |= {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


class SourceRefused(ServiceError):
    """The file is not text of a known form."""


@contextmanager
def open_text(path: Path, encoding: str | None = None) -> Iterator[TextIO]:
    """Open a file, or stdin for `-`; bytes that are not of the encoding raise `UnicodeDecodeError` when they are read.

    Raises:
        SourceRefused: it is damaged, an archive or another kind of file, or the encoding is not known.
    """
    with ExitStack() as stack:
        raw: Any = sys.stdin.buffer if str(path) == "-" else stack.enter_context(path.open("rb"))
        start = raw.peek(PEEKED)
        if found := [unpack for mark, unpack in PACKED.items() if start.startswith(mark)]:
            raw = stack.enter_context(BufferedReader(stack.enter_context(found[0](raw))))
            start = _peek(path, raw)
        yield stack.enter_context(_as_text(path, raw, start, encoding))


def _peek(path: Path, raw: Any) -> bytes:
    try:
        return bytes(raw.peek(PEEKED))
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        raise SourceRefused(f"{path} is damaged: {error}; nothing was added") from error


def _as_text(path: Path, raw: Any, start: bytes, encoding: str | None) -> TextIO:
    found = [what for mark, what in OTHERS.items() if start.startswith(mark)]
    found += ["a tar archive"] if start[TAR] == b"ustar" else []
    if found:
        raise SourceRefused(f"{path} is {found[0]}: unpack it, or save it as CSV")
    try:
        return TextIOWrapper(raw, encoding or _guess(start), newline="")
    except LookupError:
        raise SourceRefused(f"--encoding: {encoding} is not known to Python") from None


def _guess(start: bytes) -> str:
    """Return the encoding that a byte order mark names, UTF-16 for text with a zero in every other byte, or UTF-8."""
    for mark, name in MARKS.items():
        if start.startswith(mark):
            return name
    sides = [start[side::2].count(0) * 2 > len(start[side::2]) for side in (0, 1)]
    return {(False, True): "utf-16-le", (True, False): "utf-16-be"}.get((sides[0], sides[1]), "utf-8")
