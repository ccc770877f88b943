"""The counts outlive the workers."""

import fcntl
import logging
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client.mmap_dict import MmapedDict

from local.processes import wait_until
from web_single.telemetry import counters as files
from web_single.telemetry import metrics as web_single_metrics
from web_single.telemetry.master import child_exit
from web_single.telemetry.metrics import Metrics

from ..load import Load
from ..running import Service, counters


def test_thousands_of_requests_over_recycled_workers_are_counted_exactly(service: Callable[..., Service]) -> None:
    running = service("--workers", "4", "--max-requests", "100", "--max-requests-jitter", "20")
    with Load(running.port, lasting=8, fresh=0, total=2_000) as load:
        load.wait()
    assert (load.failures, load.statuses) == ([], {200: 2_000})
    running.wait_for_metric('http_request_duration_seconds_count{path="/predict",status="200"}', 2_000)
    running.wait_for_metric("predicted_rows_total", 2_000)
    (folder,), booted = counters(running.program.pid), running.program.log.read_text().count("Booting worker")
    assert booted > 6  # workers were recycled, and all of them left one file of each kind
    wait_until(lambda: len(list(folder.glob("counter_*.db"))) == 5)


def test_the_counts_of_dead_workers_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.FOLDER, str(tmp_path))
    for pid, rows in ((11, 3.0), (12, 4.0)):
        values = MmapedDict(str(tmp_path / f"counter_{pid}.db"))
        values.write_value("rows", rows, 0.0)
        values.close()
        files.merge_dead_worker(pid)
    (tmp_path / "histogram_13.db").touch()  # killed before its first count; no page can read an empty file
    files.merge_dead_worker(13)
    assert [file.name for file in tmp_path.glob("*.db")] == ["counter_dead.db"]
    (total,) = MmapedDict.read_all_values_from_file(tmp_path / "counter_dead.db")
    assert total[:2] == ("rows", 7.0)


def test_a_worker_that_starts_creates_no_file_while_a_page_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(files.FOLDER, str(tmp_path))
    monkeypatch.setattr("prometheus_client.values.ValueClass", None)  # restored after the test
    starting = threading.Thread(target=Metrics, args=("iris", 1))
    with files.locked(fcntl.LOCK_SH):
        starting.start()
        starting.join(0.3)
        assert (starting.is_alive(), list(tmp_path.glob("*.db"))) == (True, [])
    starting.join(60)
    assert len(list(tmp_path.glob("*.db"))) == 3


@pytest.mark.parametrize("metric", ["Counter", "Gauge", "Histogram"])
def test_a_worker_starts_although_the_folder_is_removed_at_that_moment(
    metric: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "counters"
    monkeypatch.setenv(files.FOLDER, str(folder))
    monkeypatch.setattr("prometheus_client.values.ValueClass", None)  # restored after the test
    made = getattr(web_single_metrics, metric)

    def removed_first(*args: Any, **options: Any) -> Any:
        monkeypatch.setattr(web_single_metrics, metric, made)
        shutil.rmtree(folder)
        return made(*args, **options)

    monkeypatch.setattr(web_single_metrics, metric, removed_first)
    page = Metrics("iris", 1).page().decode()
    assert 'model_workers{model="iris",version="1"} 1.0' in page
    assert 'refused_requests_total{reason="overloaded"} 0.0' in page


def test_a_folder_that_cannot_be_made_again_does_not_stop_the_master(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(files.FOLDER, str(tmp_path / "missing" / "counters"))
    child_exit(SimpleNamespace(log=logging.getLogger()), SimpleNamespace(pid=11))
    assert "The counts of worker 11 are lost" in caplog.text
