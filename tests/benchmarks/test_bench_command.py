"""`python -m benchmarks`: one pattern prints its tables, all four write the results."""

import os
import subprocess
import sys
import uuid

import pytest

from benchmarks import __main__ as command
from local.processes import ROOT, wait_until

from .test_asynchronous_benchmark import running


@pytest.fixture
def ran(monkeypatch):
    """Note what would run instead of running it, and what would be saved."""
    calls, saved = [], []
    monkeypatch.setattr(command, "printed", lambda argv: calls.append(list(argv)) or '{"x": 0.123456789}\n')
    monkeypatch.setattr(command.results, "save", lambda found: saved.append({**found, "peers": dict(found["peers"])}))
    monkeypatch.setattr(command, "write", lambda _found: None)
    monkeypatch.setattr(command, "exit_on_signals", lambda _code: None)
    return calls, saved


def main(monkeypatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
    command.main()


def test_a_pattern_runs_with_its_own_default_options_and_writes_nothing(ran, monkeypatch):
    main(monkeypatch, "batch", "--peers")
    assert ran == ([["benchmarks.batch"], ["benchmarks.peers.batch"]], [])


def test_without_a_pattern_all_four_run_shortened_and_their_rounded_results_are_saved(ran, monkeypatch):
    main(monkeypatch)
    calls, [saved] = ran
    assert [call[0] for call in calls] == [f"benchmarks.{name}" for name in command.OPTIONS]
    assert all(
        options == command.OPTIONS[call[0].removeprefix("benchmarks.")] for call in calls if (options := call[1:])
    )
    assert saved["patterns"]["batch"]["found"] == {"x": 0.12346}
    assert {"processor", "cores", "memory", "kernel", "governor"} <= saved["machine"].keys()


def test_peers_of_an_earlier_run_stay_unless_the_machine_is_another(ran, monkeypatch):
    last = {"machine": command.machine.describe(), "peers": {"batch": {"date": "then"}}}
    monkeypatch.setattr(command.results, "load", lambda: last)
    main(monkeypatch)
    last["machine"] = {"processor": "another"}
    main(monkeypatch)
    assert [saved["peers"] for saved in ran[1]] == [{"batch": {"date": "then"}}, {}]


def test_the_results_of_the_patterns_are_kept_before_the_peers_are_measured(ran, monkeypatch):
    monkeypatch.setattr(command.results, "load", dict)
    main(monkeypatch, "--peers")
    assert [list(saved["peers"]) for saved in ran[1]] == [list(command.PEERS[:count]) for count in range(4)]


def test_told_to_write_it_measures_nothing_and_writes_the_committed_files(tmp_path, monkeypatch):
    committed = command.markdown.FILE
    monkeypatch.setattr(command.markdown, "FILE", tmp_path / "RESULTS.md")
    monkeypatch.setattr(command, "exit_on_signals", lambda _code: None)
    main(monkeypatch, "--write")
    assert (tmp_path / "RESULTS.md").read_text() == committed.read_text()
    pictures = committed.with_name("pictures")
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {path.name for path in pictures.iterdir()}


def test_a_pattern_without_peers_says_which_have_some(ran, monkeypatch):
    with pytest.raises(SystemExit, match=r"^synchronous has no peers; choose web_single, asynchronous, batch$"):
        main(monkeypatch, "synchronous", "--peers")


def test_told_to_stop_it_waits_until_the_benchmark_has_stopped_what_it_started(tmp_path):
    mark, log = f"benchmark-{uuid.uuid4().hex}", tmp_path / "log"
    argv, env = [sys.executable, "-m", "benchmarks", "asynchronous"], os.environ | {"BENCHMARK_MARK": mark}
    with log.open("w") as file:
        process = subprocess.Popen(argv, cwd=ROOT, env=env, stdout=file, stderr=file)

    def redis_runs():
        assert process.poll() is None, log.read_text()
        return any("appendfsync" in line for line in running(mark))

    try:
        wait_until(redis_runs, 120, "Redis")
        process.terminate()
        assert process.wait(120) == 143
    finally:
        process.kill()
        process.wait()
    assert not running(mark)
