"""The benchmark runs to its end and leaves nothing behind. How fast anything is, no test says."""

import json
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from benchmarks import load
from local.processes import ROOT, wait_until

TINY = ["--rounds=1", "--jobs=128", "--seconds=1", "--singles=5", "--images=64", "--kills=1"]
FIGURES = {
    "queue": "drain, batches of 64",
    "http": "POST, 16 connections",
    "idle": "POST to result, p50",
    "images": "digits, 2 workers, batches of 32",
    "register": "before_answer: lost",
}


def running(mark: str) -> list[str]:
    """The command lines of all processes that have `mark` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it ended, or is another's
            continue
    return found


@pytest.fixture
def benchmark():
    """Start the benchmark; whatever it starts inherits the mark."""
    started = []

    def run(*arguments: str, **env: str) -> tuple[subprocess.Popen, str]:
        mark = f"benchmark-{uuid.uuid4().hex}"
        argv = [sys.executable, "-m", "benchmarks.asynchronous", *TINY, *arguments]
        env = os.environ | {"BENCHMARK_MARK": mark} | env
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(argv, cwd=ROOT, env=env, **pipes))
        return started[-1], mark

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.exhaustive
@pytest.mark.timeout(900)  # half a minute of CPU time, however busy the machine is
def test_each_comparison_gives_its_figures_and_nothing_is_left_running(benchmark):
    process, mark = benchmark("--appendfsync=everysec", *(f"--only={name}" for name in FIGURES))
    answer, said = process.communicate(timeout=800)
    assert process.returncode == 0, said
    found = json.loads(answer)
    for comparison, name in FIGURES.items():
        assert {figure["name"]: figure["value"] for figure in found[comparison]}[name] >= 0
        assert name in said
    assert {"cpus", "redis"} <= found["machine"].keys()
    wait_until(lambda: not running(mark), what="the end of all that it started")


@pytest.mark.exhaustive
def test_told_to_stop_it_stops_what_it_started(benchmark):
    process, mark = benchmark("--only=http", "--seconds=120")
    wait_until(lambda: any("wrk" in line for line in running(mark)), 120, "the load")
    process.terminate()
    process.communicate(timeout=120)
    assert process.returncode != 0
    wait_until(lambda: not running(mark), what="the end of all that it started")


def test_a_missing_wrk_is_one_line(monkeypatch):
    monkeypatch.setattr(load, "executable", lambda *_: None)
    with pytest.raises(load.LoadFailed, match=r"^wrk is not installed; get it with [^\n]+$"):
        load.wrk()
