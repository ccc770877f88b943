import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from batch.ray.places import open_place
from batch.ray.prepare import prepare
from batch.ray.run import Run
from batch.settings import Settings
from local.processes import ROOT, Program, wait_until
from tests.web_single.graphs import FLOWERS

NAMES = ["a", "b", "c", "d"]
COLUMNS = ",".join(NAMES)


def flowers(count: int, seed: int = 0) -> pyarrow.Table:
    """Rows with an id; their values are float64."""
    rows = np.random.default_rng(seed).choice(FLOWERS, count).astype(np.float64)
    return pyarrow.table({"id": np.arange(count), **{name: rows[:, i] for i, name in enumerate(NAMES)}})


def write(path: Path, table: pyarrow.Table, group_rows: int = 1000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(table, path, row_group_size=group_rows)
    return path


def prepared(source: Any, output: Any, model_dir: Path, **options: Any) -> Run:
    return prepare(Settings(model_dir=model_dir), open_place(str(source)), open_place(str(output)), **options)


def read(folder: Path) -> list[dict[str, Any]]:
    """All rows of a folder as other programs read it, in the order of the input."""
    return parquet.read_table(folder).sort_by([("file", "ascending"), ("row", "ascending")]).to_pylist()


def command(source: Path, output: Path, *flags: str) -> list[str]:
    argv = [sys.executable, "-m", "batch.ray", str(source), str(output), "--columns", COLUMNS, "--json"]
    return [*argv, "--actors", "2", *flags]


def run(source: Path, output: Path, *flags: str, **environment: str) -> tuple[int, dict[str, Any], str]:
    """Run the command to its end; return its exit code, its summary, and what it wrote to stderr."""
    argv = command(source, output, *flags)
    done = subprocess.run(
        argv, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=280
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def parts(output: Path) -> dict[str, int]:
    """The parts of an output that is not complete, each with the time when it was written."""
    return written(output.with_name(f"{output.name}.unfinished"))


def written(folder: Path) -> dict[str, int]:
    """The parts in a folder, each with the time when it was written."""
    return {path.name: path.stat().st_mtime_ns for path in folder.glob("part-*")}


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Yield the process id and the command line of each process that a process has started, and that these have."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], check=True, capture_output=True, text=True).stdout
    lines = [line.split(None, 2) for line in listed.splitlines()]
    todo = [str(pid)]
    for parent in todo:
        for child, of, *args in lines:
            if of == parent:
                todo.append(child)
                yield int(child), " ".join(args)


@pytest.fixture
def start_ray(start: Callable[..., Program]) -> Callable[..., Program]:
    """Start the command in a process of its own, and wait until some parts are done."""

    def start_ray(source: Path, output: Path, *flags: str, **environment: str) -> Program:
        program = start("ray", command(source, output, *flags), env=environment)
        wait_until(lambda: program.poll() is not None or len(parts(output)) > 1, 280, "two parts")
        return program

    return start_ray
