"""The benchmark runs to its end and gives its figures. How fast anything is, no test says."""

import pytest

from .test_web_single_benchmark import run


@pytest.mark.exhaustive
def test_each_way_to_write_the_runners_and_the_sizes_are_measured():
    found = run("benchmarks.batch", "--rounds=1", "--rows=400", "--large=1000", "--runners=1", "--chunks")
    values = {figure["name"]: figure["value"] for part in ("writes", "runners", "sizes") for figure in found[part]}
    assert {"row by row", "LOAD DATA LOCAL", "CASE, 1000 rows (ours)", "1 runner"} <= set(values)
    assert {"peak RSS, 1,000 rows", "10 new rows among 1,000, against alone"} <= set(values)
    assert all(value > 0 for value in values.values())
