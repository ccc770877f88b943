import os
import re
import signal
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from local.processes import ROOT, wait_until
from local.servers import free_port

pytestmark = pytest.mark.timeout(600)


class Demo:
    """`python -m local.demo` as a process. All its descendants inherit a mark in their environment."""

    def __init__(self, folder, *patterns, **environment):
        self.mark = f"DEMO_MARK={uuid.uuid4()}"
        self.output = folder / "output"
        name, value = self.mark.split("=")
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.demo", *patterns],
                cwd=ROOT,
                env=os.environ | environment | {name: value},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def running(self):
        """Return the processes of this demo that still run, including the demo itself."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if self.mark.encode() in (folder / "environ").read_bytes():
                    found.append(folder.name)
            except OSError:
                continue
        return found


def rows(text):
    """Return (pattern, request) for every row of the demo's table in a text."""
    return re.findall(r"^│ (web_single|synchronous|asynchronous|batch) +│ (.*?) +│", text, re.M)


def test_the_demo_answers_through_every_pattern_and_leaves_nothing_running(tmp_path):
    demo = Demo(tmp_path)
    assert demo.process.wait(400) == 0, demo.output.read_text()
    assert rows(demo.output.read_text()) == rows((ROOT / "README.md").read_text()) != []
    wait_until(lambda: not demo.running(), what="the last process to end")


@pytest.mark.exhaustive
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGHUP, 143)])
def test_ctrl_c_and_a_closed_terminal_leave_no_process_behind(tmp_path, number, code):
    demo = Demo(tmp_path)
    wait_until(lambda: len(demo.running()) > 5, 120, "the programs to start")
    os.kill(demo.process.pid, number)
    assert demo.process.wait(120) == code
    wait_until(lambda: not demo.running(), what="the last process to end")


@pytest.mark.exhaustive
def test_the_demo_does_not_use_an_http_proxy_from_the_environment(tmp_path):
    proxy = f"http://127.0.0.1:{free_port()}"
    demo = Demo(tmp_path, "web_single", http_proxy=proxy, no_proxy="", NO_PROXY="")
    assert demo.process.wait(400) == 0, demo.output.read_text()


@pytest.mark.exhaustive
def test_the_output_names_a_pattern_that_fails(tmp_path):
    nowhere = f"mysql+pymysql://nobody@127.0.0.1:{free_port()}/nothing"
    demo = Demo(tmp_path, "batch", DATABASE_URL=nowhere)
    assert demo.process.wait(400) == 1
    assert re.search(r"FAILED batch", demo.output.read_text())
    wait_until(lambda: not demo.running(), what="the last process to end")


@pytest.mark.exhaustive
def test_the_demo_uses_a_database_that_is_already_running(tmp_path, database_url):
    demo = Demo(tmp_path, "batch", DATABASE_URL=database_url)
    assert demo.process.wait(400) == 0, demo.output.read_text()
    assert "10003 done, 0 failed" in demo.output.read_text()
