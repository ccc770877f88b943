import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.files.csv_rows import BadLine, open_text, read

GOOD = "5.1,3.5,1.4,0.2\n"


def rows(text: str, chunk_rows: int = 2) -> list[list[float]]:
    return [row for chunk in read(text.splitlines(keepends=True), 4, chunk_rows) for row in chunk]


@given(st.lists(st.lists(st.floats(-1e30, 1e30), min_size=4, max_size=4), max_size=9), st.integers(1, 4))
def test_every_line_is_a_row(written, chunk_rows):
    text = "".join(",".join(map(repr, row)) + "\n" for row in written)
    assert rows(text, chunk_rows) == written
    assert rows("a,b,c,d\n" + text, chunk_rows) == written


@pytest.mark.parametrize(
    "text", [GOOD, f"\n{GOOD}\n\n", f"a,b,c,d\r\n{GOOD}", f'"a","b\nb",c,d\n{GOOD}', '5.1,"3.5", 1.4,2e-1']
)
def test_names_quotes_blanks_and_empty_lines_are_read_as_spreadsheets_write_them(text):
    assert rows(text) == [[5.1, 3.5, 1.4, 0.2]]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("1,2,3", "3 values, the model takes 4"),
        ("1;2;3;4", "1 values, the model takes 4"),
        ("1,2,x,4", "c: not a number"),
        ("1,,3,4", "b: not a number"),
        ("1,2,3,1_0", "d: not a number"),
        ("e,f,g,h", "a: not a number"),
        ("1,2,nan,4", "[2]: Input should be a finite number"),
        ("1,2,3,1e39", "[3]: Input should be less than or equal to 3402823"),
        ('1,2,3,"4', "unexpected end of data"),
    ],
)
def test_a_bad_line_is_named_and_the_chunks_before_it_are_kept(line, fault):
    chunks = read(["a,b,c,d\n", *[GOOD] * 5, f"{line}\n", GOOD], 4, 2)
    assert [len(next(chunks)), len(next(chunks))] == [2, 2]
    with pytest.raises(BadLine) as bad:
        next(chunks)
    number = 8 if "unexpected" in fault else 7
    assert str(bad.value).startswith(f"line {number}: {fault}")
    assert str(bad.value).endswith("; nothing from line 6 on was added")


def test_a_packed_file_and_a_byte_order_mark_are_understood(tmp_path: Path):
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + GOOD.encode()))
    with open_text(tmp_path / "rows.csv.gz") as lines:
        assert list(read(lines, 4, 2)) == [[[5.1, 3.5, 1.4, 0.2]]]


PACKED = gzip.compress(GOOD.encode() * 9)


@pytest.mark.parametrize(
    "damaged",
    [PACKED[:-9], PACKED[:10] + PACKED[22:], PACKED[:10] + PACKED[10::2], PACKED[:-8] + bytes(8), GOOD.encode()],
    ids=["cut off", "a gap", "gaps", "another checksum", "not packed"],
)
def test_a_damaged_packed_file_is_a_bad_line(tmp_path: Path, damaged):
    (tmp_path / "rows.csv.gz").write_bytes(damaged)
    with (
        open_text(tmp_path / "rows.csv.gz") as lines,
        pytest.raises(BadLine, match=r"; nothing from line \d on was added$"),
    ):
        list(read(lines, 4, 2))
