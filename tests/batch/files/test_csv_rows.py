import gzip
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.files.cells import columns_of
from batch.files.csv_rows import BadLine, open_text, read
from batch.predictor import row_reader

GOOD = "5.1,3.5,1.4,0.2\n"


MANIFEST = {"inputs": [{"name": "x", "dtype": "float32", "shape": [None, 4]}]}


def read_csv(lines: Iterable[str], chunk_rows: int, manifest: dict[str, Any] = MANIFEST) -> Iterator[list[list[Any]]]:
    return read(lines, columns_of(manifest), row_reader(manifest), chunk_rows)


def rows(text: str, chunk_rows: int = 2) -> list[list[float]]:
    return [row for chunk in read_csv(text.splitlines(keepends=True), chunk_rows) for row in chunk]


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
    chunks = read_csv(["a,b,c,d\n", *[GOOD] * 5, f"{line}\n", GOOD], 2)
    assert [len(next(chunks)), len(next(chunks))] == [2, 2]
    with pytest.raises(BadLine) as bad:
        next(chunks)
    number = 8 if "unexpected" in fault else 7
    assert str(bad.value).startswith(f"line {number}: {fault}")
    assert str(bad.value).endswith("; nothing from line 6 on was added")


def test_a_packed_file_and_a_byte_order_mark_are_understood(tmp_path: Path):
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + GOOD.encode()))
    with open_text(tmp_path / "rows.csv.gz") as lines:
        assert list(read_csv(lines, 2)) == [[[5.1, 3.5, 1.4, 0.2]]]


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
        list(read_csv(lines, 2))


PEOPLE = {
    "inputs": [
        {"name": "age", "dtype": "float32", "shape": [None, 1], "missing": True},
        {"name": "city", "dtype": "string", "shape": [None, 1]},
        {"name": "visits", "dtype": "int64", "shape": [None, 1]},
        {"name": "member", "dtype": "bool", "shape": [None, 1]},
    ]
}


def test_cells_become_values_of_the_types_of_the_columns():
    lines = ["age,city,visits,member\n", "20,Oslo,3,true\n", ',"Rome, old",-1,FALSE\n']
    assert list(read_csv(lines, 2, PEOPLE)) == [[[20.0, "Oslo", 3, True], [None, "Rome, old", -1, False]]]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("x,Oslo,3,true", "age: not a number"),
        ("20,Oslo,3.5,true", "visits: not a whole number"),
        ("20,Oslo,,true", "visits: not a number"),
        ("20,Oslo,3,yes", "member: not true or false"),
        ("20,Oslo,9223372036854775808,true", "[2]: Input should be less than or equal to 9223372036854775807"),
    ],
)
def test_a_cell_of_another_type_is_a_bad_line(line, fault):
    with pytest.raises(BadLine, match=re.escape(f"line 2: {fault}")):
        list(read_csv(["age,city,visits,member\n", f"{line}\n"], 2, PEOPLE))


def test_a_row_of_text_has_a_line_of_names_only_if_they_are_its_names():
    texts = {"inputs": [{"name": name, "dtype": "string", "shape": [None, 1]} for name in "ab"]}
    assert list(read_csv(["a,b\n", "c,d\n"], 2, texts)) == [[["c", "d"]]]
    assert list(read_csv(["b,a\n", "c,d\n"], 2, texts)) == [[["b", "a"], ["c", "d"]]]
