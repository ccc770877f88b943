"""A file is unpacked by its content and decoded by its bytes, whatever its name."""

import bz2
import gzip
import io
import lzma
import tarfile
from pathlib import Path

import pytest

from batch.seed.csv_rows import BadLine
from batch.seed.source import SourceRefused, open_text
from tests.batch.seed.test_csv_rows import ABCD, GOOD, MANIFEST, columns_of, manifest_reader, read

TEXT = f"a,b,c,d\n{GOOD}"


def rows(path: Path, encoding: str | None = None):
    with open_text(path, encoding) as lines:
        chunks = read(lines, columns_of(MANIFEST, ABCD), manifest_reader(MANIFEST), 2)
        return [row.values for chunk in chunks for row in chunk]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_packed_text_of_any_unicode_encoding_is_understood(tmp_path: Path, pack, encoding):
    (tmp_path / "rows.csv").write_bytes(pack(TEXT.encode(encoding)))
    assert rows(tmp_path / "rows.csv") == [[5.1, 3.5, 1.4, 0.2]]


def test_another_encoding_is_named_by_an_option_and_otherwise_refused(tmp_path: Path):
    (tmp_path / "rows.csv").write_bytes("a,b,c,d,größe\n5.1,3.5,1.4,0.2,1\n".encode("cp1252"))
    assert rows(tmp_path / "rows.csv", "cp1252") == [[5.1, 3.5, 1.4, 0.2]]
    with pytest.raises(BadLine, match=r"^line 1: not utf-8; name the encoding with --encoding, for example cp1252; "):
        rows(tmp_path / "rows.csv")
    with pytest.raises(SourceRefused, match=r"^--encoding: klingon is not known to Python$"):
        rows(tmp_path / "rows.csv", "klingon")


@pytest.mark.parametrize("good", [3, 150, 3000])
def test_the_line_that_is_of_another_encoding_is_named(tmp_path: Path, good: int):
    line = "5.1,3.5,1.4,0.2," + "note " * 20
    text = "a,b,c,d,note\n" + f"{line}\n" * good + f"{line} größe\n" + f"{line}\n" * 9
    (tmp_path / "rows.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(BadLine, match=rf"^line {good + 2}: not utf-8; "):
        rows(tmp_path / "rows.csv")


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"PAR1", b"\x28\xb5\x2f\xfd"])
def test_a_file_of_another_kind_is_refused(tmp_path: Path, start):
    (tmp_path / "rows.csv").write_bytes(start + bytes(99))
    with pytest.raises(SourceRefused, match=r"rows.csv is (a zip|a Parquet|packed with zstd).*: unpack it, or save it"):
        rows(tmp_path / "rows.csv")


def archive() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        tar.addfile(tarfile.TarInfo("rows.csv"))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (archive(), "a tar archive"),
        (gzip.compress(gzip.compress(GOOD.encode())), "packed twice"),
        (b"7z\xbc\xaf\x27\x1c", "packed with 7-Zip"),
        (b"\x04\x22\x4d\x18", "packed with lz4"),
        (b"%PDF-1.4", "a PDF file"),
    ],
    ids=["tar", "twice", "7-Zip", "lz4", "PDF"],  # gzip writes the time, so the content names another test each second
)
def test_an_archive_is_not_taken_for_text_of_another_encoding(tmp_path: Path, content, what):
    (tmp_path / "rows.csv").write_bytes(content + bytes(99))
    with pytest.raises(SourceRefused, match=f"rows.csv is {what}: unpack it, or save it as CSV$"):
        rows(tmp_path / "rows.csv")


PACKED = gzip.compress(GOOD.encode() * 9)


@pytest.mark.parametrize(
    "damaged",
    [PACKED[:-9], PACKED[:10] + PACKED[22:], PACKED[:10] + PACKED[10::2], PACKED[:-8] + bytes(8)],
    ids=["cut off", "a gap", "gaps", "another checksum"],
)
def test_a_damaged_packed_file_is_a_bad_line(tmp_path: Path, damaged):
    (tmp_path / "rows.csv").write_bytes(damaged)
    with pytest.raises((BadLine, SourceRefused), match=r"; nothing (from line \d on )?was added$"):
        rows(tmp_path / "rows.csv")
