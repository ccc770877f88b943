"""The counts outlive the workers."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from local.processes import wait_until
from web_single.telemetry import counters as files

from ..load import Load
from ..running import Service, counters


def test_ten_thousand_requests_over_recycled_workers_are_counted_exactly(service: Callable[..., Service]) -> None:
    running = service("--workers", "4", "--max-requests", "500", "--max-requests-jitter", "100")
    with Load(running.port, lasting=8, fresh=0, total=10_000) as load:
        load.wait()
    assert (load.failures, load.statuses) == ([], {200: 10_000})
    assert running.metric('http_request_duration_seconds_count{path="/predict",status="200"}') == 10_000
    assert running.metric("predicted_rows_total") == 10_000
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
    (tmp_path / "histogram_13.db").touch()  # killed before its first count
    files.merge_dead_worker(13)
    assert sorted(file.name for file in tmp_path.glob("counter_*")) == ["counter_dead.db"]
    (total,) = MmapedDict.read_all_values_from_file(tmp_path / "counter_dead.db")
    assert total[:2] == ("rows", 7.0)
