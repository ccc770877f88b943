"""Columns of other types and names than the model's: read as they are, or refused before anything is written."""

from typing import Any

import numpy as np
import pyarrow
import pytest
from onnx import helper
from pyarrow import parquet

from batch.ray.features import ColumnsRefused
from batch.ray.prepare import BATCH_VALUES
from tests.batch.ray.conftest import NAMES, flowers, prepared, read, write
from tests.batch.ray.test_files import score
from tests.web_single.conftest import save
from tests.web_single.graphs import graph

FLOWER = {"a": [5.1], "b": [3.5], "c": [1.4], "d": [0.2]}


def twice(name: str, **columns: Any) -> pyarrow.Table:
    table = pyarrow.table(columns)
    return table.append_column(name, table[name])


@pytest.fixture
def two_lists(tmp_path):
    """A model with two inputs, whose rows have two and three values."""
    nodes = [
        helper.make_node("Concat", ["p", "q"], ["all"], axis=1),
        helper.make_node("Softmax", ["all"], ["answer"], axis=1),
    ]
    inputs = {"p": ("float32", [None, 2]), "q": ("float32", [None, 3])}
    return save(tmp_path / "m", graph(nodes, inputs, {"answer": ("float32", [None, 5])}), list("vwxyz"))


def test_a_list_that_is_too_long_does_not_fill_up_one_that_is_too_short(two_lists, tmp_path):
    good = {"p": [1.0, 2.0], "q": [3.0, 4.0, 5.0]}
    rows = [good, {"p": [1.0, 2.0, 3.0], "q": [4.0, 5.0]}, {"p": None, "q": good["q"]}, good | {"p": [1.0, None]}]
    source = write(tmp_path / "in.parquet", pyarrow.Table.from_pylist(rows))
    assert score(prepared(source, tmp_path / "out", two_lists)) == [{"done": 1, "failed": 3}]
    assert [row["reason"] for row in parquet.read_table(tmp_path / "out" / "_failed").to_pylist()] == [
        "p: 3 values, there must be 2",
        "p: no list, there must be 2",
        "[1]: Input should be a valid number",
    ]


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (twice("a", **FLOWER), {}, r"^2 columns are called 'a': write the file with another name for each$"),
        (twice("k", **FLOWER, k=[1]), {"keep": ["k"]}, r"^--keep: 2 columns are called 'k': "),
        (twice("k", **FLOWER, k=[1]), {}, r"^two columns would be called 'k'; choose what is copied with --keep$"),
        (pyarrow.table(FLOWER), {"columns": ["a", "b", "c", "a"]}, r"^--columns: 'a' comes twice$"),
        (
            pyarrow.table({"x": pyarrow.array([[1.0, 2.0, 3.0]], pyarrow.list_(pyarrow.float64(), 3))}),
            {"columns": ["x"]},
            r"^column 'x' is fixed_size_list<element: double>\[3\], the model's .* takes list of 4 float32$",
        ),
        (
            pyarrow.table(FLOWER | {"v": pyarrow.array([["x"]], pyarrow.list_(pyarrow.string_view()))}),
            {},
            r"^column 'v' is list<element: string_view>, which Arrow cannot copy; choose what is copied with --keep$",
        ),
    ],
)
def test_a_column_that_would_be_read_wrongly_or_not_at_all_is_refused(artifacts, tmp_path, table, options, message):
    source = write(tmp_path / "in.parquet", table)
    with pytest.raises(ColumnsRefused, match=message):
        prepared(source, tmp_path / "out", artifacts / "iris", **{"columns": NAMES} | options)


def test_a_column_that_another_file_has_twice_is_refused(artifacts, tmp_path):
    write(tmp_path / "in" / "x.parquet", pyarrow.table(FLOWER))
    write(tmp_path / "in" / "y.parquet", twice("a", **FLOWER))
    with pytest.raises(ColumnsRefused, match=r"y.parquet: column 'a' is double and double, in .*x.parquet it is doub"):
        prepared(tmp_path / "in", tmp_path / "out", artifacts / "iris", columns=NAMES)


def test_names_may_have_dots_and_spaces_and_strings_may_be_views(artifacts, tmp_path):
    views = pyarrow.array(["x", None], pyarrow.string_view())
    half = pyarrow.array([np.float16(1.5), None])
    table = {"a.x": half, "a": [{"x": 7}, None], "b y": [3.5, 3.5], "c.": [1, 1], "": [0.2, 0.2], "id": views}
    source = write(tmp_path / "in.parquet", pyarrow.table(table))
    run = prepared(source, tmp_path / "out", artifacts / "iris", columns=["a.x", "b y", "c.", ""])
    assert score(run) == [{"done": 1, "failed": 1}]
    (row,) = read(tmp_path / "out")
    assert (row["id"], row["a"], row["label"]) == ("x", {"x": 7}, "setosa")


def test_a_wide_row_makes_a_smaller_batch(artifacts, tmp_path):
    width = BATCH_VALUES // 100
    node = helper.make_node("ReduceMax", ["x", "axes"], ["answer"], keepdims=1)
    inputs, outputs = {"x": ("float32", [None, width])}, {"answer": ("float32", [None, 1])}
    wide = graph([node], inputs, outputs, axes=np.array([1]))
    model_dir = save(tmp_path / "m", wide, [], task="regression")
    rows = pyarrow.table({"x": pyarrow.array([[0.0] * width])})
    run = prepared(write(tmp_path / "in.parquet", rows), tmp_path / "out", model_dir)
    assert run.job.batch_rows == 100
    small = prepared(write(tmp_path / "f.parquet", flowers(1)), tmp_path / "f", artifacts / "iris", columns=NAMES)
    assert small.job.batch_rows == 4_096
