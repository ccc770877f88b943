"""How fast `batch.ray` predicts Parquet files, next to a bare loop of ONNX Runtime over the same file: see README.md.

    python -m benchmarks.batch.parquet [--rows N ...] [--actors N ...] [--rounds N]

A table on stderr, then one line of JSON with every round on stdout.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnxruntime
import pyarrow
from pyarrow import parquet
from rich.console import Console

from batch.ray.places import open_place
from batch.ray.prepare import prepare
from batch.ray.score import Scorer
from batch.seed.flowers import flowers
from batch.settings import Settings
from local.processes import ROOT, started
from local.stack import ARTIFACTS

from ..report import Figure, table

NAMES = ["a", "b", "c", "d"]
GROUP_ROWS, BATCH_ROWS = 100_000, 4_096
SETTINGS = Settings(model_dir=ARTIFACTS / "iris")


def write_input(path: Path, rows: int) -> None:
    """Write flowers with an id, the same 100,000 again and again."""
    chunk = np.array([row for rows in flowers(GROUP_ROWS, seed=0) for row in rows])
    columns = [pyarrow.array(column) for column in chunk.T]
    schema = pyarrow.schema([("id", pyarrow.int64()), *((name, pyarrow.float64()) for name in NAMES)])
    with parquet.ParquetWriter(path, schema) as writer:
        for first in range(0, rows, GROUP_ROWS):
            ids = pyarrow.array(np.arange(first, min(first + GROUP_ROWS, rows)))
            cells = [column.slice(0, len(ids)) for column in columns]
            writer.write_table(pyarrow.table([ids, *cells], schema=schema), GROUP_ROWS)


def bare_loop(source: Path, output: Path) -> None:
    """Read, predict and write with nothing else: no value is checked, and a half-written file has its final name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(ARTIFACTS / "iris" / "1" / "model.onnx"), options)
    labels = pyarrow.array(["setosa", "versicolor", "virginica"])
    names, writer = ["id", "label", "p0", "p1", "p2"], None
    for batch in parquet.ParquetFile(source).iter_batches(BATCH_ROWS, use_threads=False):
        rows = np.stack([batch.column(name).to_numpy() for name in NAMES], axis=1).astype(np.float32)
        likeliest, answers = session.run(None, {"float_input": rows})
        cells = [batch.column("id"), labels.take(pyarrow.array(likeliest)), *map(pyarrow.array, answers.T.copy())]
        written = pyarrow.record_batch(cells, names)
        writer = writer or parquet.ParquetWriter(output, written.schema, compression="zstd")
        writer.write_batch(written)
    if writer:
        writer.close()


def one_process(source: Path, output: Path) -> None:
    """Process all parts as an actor does, without Ray."""
    run = prepare(SETTINGS, open_place(str(source)), open_place(str(output)), NAMES)
    run.begin()
    scorer = Scorer(run.job)
    counts = [scorer(asdict(part)) for part in run.parts]
    run.finish({name: sum(each[name] for each in counts) for name in ("done", "failed")})


def with_ray(source: Path, output: Path, actors: int) -> tuple[float, float, float]:
    """Return the seconds of the whole command, those from the first part to the last, and the megabytes of an actor."""
    argv = [sys.executable, "-m", "batch.ray", str(source), str(output), "--columns", ",".join(NAMES)]
    began, megabytes = time.monotonic(), 0.0
    with started([*argv, "--actors", str(actors)], cwd=ROOT, stdout=subprocess.DEVNULL) as program:
        while program.poll() is None:
            megabytes = max([megabytes, *resident("ray::MapWorker")])
            time.sleep(0.1)
    seconds, parts = time.monotonic() - began, [path.stat().st_mtime for path in output.glob("part-*")]
    if program.returncode or len(parts) < 1:
        raise RuntimeError(f"batch.ray ended with {program.returncode}")
    return seconds, max(parts) - min(parts), megabytes


def resident(title: str) -> Iterator[float]:
    """Yield the megabytes of each process with a title."""
    listed = subprocess.run(["ps", "-eo", "rss=,args="], check=True, capture_output=True, text=True).stdout
    for line in listed.splitlines():
        size, args = line.split(None, 1)
        if args.startswith(title):
            yield int(size) / 1024


def timed(call: Callable[[Path, Path], None], source: Path, output: Path) -> float:
    began = time.monotonic()
    call(source, output)
    return time.monotonic() - began


def measure(folder: Path, rows: int, actors: list[int], rounds: int) -> list[Figure]:
    """Return rows/s of each side, and the memory of an actor."""
    source = folder / f"{rows}.parquet"
    write_input(source, rows)
    limits, alone = list[float](), list[float]()
    whole, steady, memory = ({count: list[float]() for count in actors} for _ in range(3))
    for turn in range(rounds):
        limits.append(rows / timed(bare_loop, source, folder / f"bare-{rows}-{turn}"))
        alone.append(rows / timed(one_process, source, folder / f"alone-{rows}-{turn}"))
        for count in actors:
            seconds, between, megabytes = with_ray(source, folder / f"ray-{rows}-{turn}-{count}", count)
            parts = len(list((folder / f"ray-{rows}-{turn}-{count}").glob("part-*")))
            whole[count].append(rows / seconds)
            steady[count].append(rows * (parts - 1) / parts / max(between, 1e-9))
            memory[count].append(megabytes)
    figures = [Figure(f"{rows:,} rows, one process without Ray", "rows/s", alone, limits)]
    for count in actors:
        name = f"{rows:,} rows, {count} actor{'s'[: count > 1]}"
        figures.append(Figure(f"{name}, the start of Ray included", "rows/s", whole[count], limits))
        figures.append(Figure(f"{name}, from the first part on", "rows/s", steady[count], limits))
        figures.append(Figure(f"{name}, peak RSS of an actor", "MB", memory[count]))
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch.parquet", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--actors", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    plan, busy = parser.parse_args(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        figures = {"parquet": [f for rows in plan.rows for f in measure(Path(folder), rows, plan.actors, plan.rounds)]}
    machine = {"cpus": os.cpu_count(), "load_before": round(busy, 2), "load_after": round(os.getloadavg()[0], 2)}
    Console(stderr=True, width=140).print(table(f"batch.ray, medians of {plan.rounds} rounds; {machine}", figures))
    print(json.dumps({"pattern": "batch", "machine": machine, "parquet": [f.as_json() for f in figures["parquet"]]}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
