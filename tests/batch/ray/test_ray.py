"""The command on clusters of several processes on the loopback interface, whose processes are killed."""

import os
import re
import signal
import sys
from pathlib import Path

import pyarrow
import pytest

from batch.ray.run import SUCCESS
from local.processes import wait_until
from tests.batch.ray.conftest import NAMES, descendants, flowers, parts, read, run, write, written

pytestmark = pytest.mark.timeout(600)
GROUPS, ROWS = 200, 200 * 50  # of an input whose parts are small, so that a kill finds most of them undone


@pytest.fixture
def source(tmp_path):
    return write(tmp_path / "in.parquet", flowers(ROWS), 50)


def check(output, expected):
    """Each row is there once, with the answer of a session of its own."""
    found, rows = read(output), flowers(ROWS).to_pylist()
    assert [row["id"] for row in found] == [*range(ROWS)] == [row["row"] for row in found]
    assert [row["label"] for row in found] == [label for label, _ in expected([[r[n] for n in NAMES] for r in rows])]
    assert (output / SUCCESS).exists()


def actors(pid):
    return [child for child, args in descendants(pid) if args.startswith("ray::MapWorker")]


def is_running(pid):
    """Return whether a process exists and is not a zombie, which waits for its parent to ask for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def kill(pid):
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("again", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_run_says_what_it_did_and_a_second_one_does_nothing(again, tmp_path):
    table = flowers(5000)
    table = table.set_column(1, "a", pyarrow.array([None, *table["a"].to_pylist()[1:]]))
    source, output = write(tmp_path / "in.parquet", table), tmp_path / "out"
    code, summary, stderr = run(source, output, "--part-rows", "1")
    assert (code, summary["done"], summary["failed"], summary["before"]) == (3, 4999, 1, 0)
    assert not re.search("warning|error|traceback", stderr, re.I)
    if again:
        code, summary, _ = run(source, output, "--part-rows", "1")
        assert (code, summary["done"], summary["failed"], summary["before"]) == (3, 4999, 1, 5000)


@pytest.mark.exhaustive
def test_an_actor_that_is_killed_costs_its_part_alone(source, tmp_path, start_ray, expected):
    program = start_ray(source, tmp_path / "out", "--part-rows", "1")
    before = parts(tmp_path / "out")
    kill(actors(program.pid)[0])
    wait_until(lambda: program.poll() is not None, 280, "the end of the run")
    assert program.poll() == 0
    check(tmp_path / "out", expected)
    after = written(tmp_path / "out")
    assert len(before.items() - after.items()) <= 1  # a part that was complete, but not reported yet


@pytest.mark.exhaustive
def test_a_run_that_is_killed_leaves_no_output_and_a_second_one_continues(source, tmp_path, start_ray, expected):
    program = start_ray(source, tmp_path / "out", "--part-rows", "1")
    started = [child for child, _ in descendants(program.pid)]
    kill(program.pid)
    wait_until(lambda: not any(map(is_running, started)), 280, "the end of its processes")
    assert not (tmp_path / "out").exists()
    before = parts(tmp_path / "out")
    code, summary, _ = run(source, tmp_path / "out", "--part-rows", "1")
    assert (code, summary["done"], summary["before"]) == (0, ROWS, 50 * len(before))
    check(tmp_path / "out", expected)
    assert before.items() <= written(tmp_path / "out").items()


@pytest.fixture
def start_node(start, free_port):
    """Start a node of a cluster, the first time its head; `start_node.cluster` is how a program finds it."""
    port = free_port()
    secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "RAY_USAGE_STATS_ENABLED": "0"}
    place = ["--node-ip-address=127.0.0.1", "--object-store-memory=100000000", "--num-cpus=1", "--block"]

    def start_node(*flags):
        argv = [sys.executable, "-m", "ray.scripts.scripts", "start", *flags, *place]
        node = start("node", argv, env=secret)
        wait_until(lambda: "Ray runtime started" in node.log.read_text(), 120, "the node")
        return node

    start_node.head = ["--head", f"--port={port}", "--include-dashboard=false"]
    start_node.worker = [f"--address=127.0.0.1:{port}"]
    start_node.cluster = secret | {"RAY_ADDRESS": f"127.0.0.1:{port}"}
    return start_node


@pytest.mark.exhaustive
def test_a_node_that_is_killed_costs_its_parts_alone(source, tmp_path, start_node, start_ray, expected):
    start_node(*start_node.head)
    node = start_node(*start_node.worker)
    program = start_ray(source, tmp_path / "out", "--part-rows", "1", **start_node.cluster)
    wait_until(lambda: actors(node.pid), 60, "an actor on the second node")
    before = parts(tmp_path / "out")
    for child, _ in [(node.pid, ""), *descendants(node.pid)]:
        kill(child)
    wait_until(lambda: program.poll() is not None, 280, "the end of the run")
    assert program.poll() == 0
    check(tmp_path / "out", expected)
    after = written(tmp_path / "out")
    assert len(before.items() - after.items()) <= 2  # parts that were complete, but not reported yet
