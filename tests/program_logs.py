"""A pytest plugin: the report of a failed test contains the last output of the programs that it used."""

import subprocess
from collections.abc import Generator

import pytest

from local.processes import Program, last_lines

FIRST = pytest.StashKey[int]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    item.stash[FIRST] = len(Program.started)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last lines of each program that the test started, or that was running while the test failed."""
    report = yield
    if report.failed and call.excinfo:
        for number, program in enumerate(Program.started):
            if (number >= item.stash[FIRST] or program.poll() is None) and program.log.exists():
                report.sections.append((f"{program.name}, exit code {program.poll()}, end of its log", program.tail()))
        failure = call.excinfo.value
        if isinstance(failure, subprocess.CalledProcessError | subprocess.TimeoutExpired):
            for output in filter(None, (failure.stdout, failure.stderr)):
                text = output.decode(errors="replace") if isinstance(output, bytes) else output
                report.sections.append((f"{failure.cmd[0]}, end of its output", last_lines(text)))
    return report
