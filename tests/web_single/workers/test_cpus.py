import os
from pathlib import Path

import pytest

from web_single.workers.cpus import granted_cpus


@pytest.fixture
def cgroups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)
    (tmp_path / "pod" / "worker").mkdir(parents=True)
    (tmp_path / "membership").write_text("0::/pod/worker\n")
    return tmp_path


@pytest.mark.parametrize(("quota", "cpus"), [("200000 100000", 2), ("150000 100000", 2), ("5000 100000", 1)])
def test_the_quota_of_the_container_counts_and_not_the_host(cgroups: Path, quota: str, cpus: int) -> None:
    (cgroups / "cpu.max").write_text(quota)
    assert granted_cpus(cgroups, cgroups / "membership") == cpus


def test_the_smallest_quota_on_the_way_up_counts(cgroups: Path) -> None:
    for folder, quota in (("", "max 100000"), ("pod", "300000 100000"), ("pod/worker", "800000 100000")):
        (cgroups / folder / "cpu.max").write_text(quota)
    assert granted_cpus(cgroups, cgroups / "membership") == 3


@pytest.mark.parametrize(("quota", "cpus"), [("250000", 3), ("-1", 16)])
def test_version_1_of_cgroups_counts_too(cgroups: Path, quota: str, cpus: int) -> None:
    (cgroups / "membership").write_text("4:memory:/x\n2:cpu,cpuacct:/docker/8f3a\n")  # a path that the host sees
    (cgroups / "cpu,cpuacct").mkdir()
    (cgroups / "cpu,cpuacct" / "cpu.cfs_quota_us").write_text(quota)
    (cgroups / "cpu,cpuacct" / "cpu.cfs_period_us").write_text("100000")
    assert granted_cpus(cgroups, cgroups / "membership") == cpus


def test_without_cgroups_the_processors_of_this_process_count(cgroups: Path) -> None:
    assert granted_cpus(cgroups / "none", cgroups / "none") == 16
