import os
import re
import shutil
import signal
import subprocess
import sys

import httpx
import pytest

from local.processes import ROOT
from local.servers import accepts, free_port


@pytest.fixture
def up(tmp_path):
    """Run `python -m local.up` with a private folder and private ports."""
    ports = {"WEB_SINGLE_PORT": str(free_port()), "BATCH_PORT": str(free_port()), "RUN_DIR": str(tmp_path / "run")}

    def call(*arguments):
        argv = [sys.executable, "-m", "local.up", *arguments]
        return subprocess.run(
            argv, cwd=ROOT, env=os.environ | ports, capture_output=True, text=True, timeout=250, check=False
        )

    call.ports = ports
    call.port = int(ports["WEB_SINGLE_PORT"])
    yield call
    call("--stop")


def test_patterns_run_in_the_background_until_they_are_stopped(up):
    started = up("web_single", "batch", "--background")
    assert started.returncode == 0, started.stdout + started.stderr
    assert httpx.get(f"http://127.0.0.1:{up.port}/ready", timeout=60).status_code == 200
    assert up("--stop").returncode == 0
    assert not accepts(up.port)


def test_a_second_start_is_refused_and_the_first_continues(up):
    up("web_single", "--background")
    second = up("web_single", "--background")
    assert second.returncode == 1
    assert "already running" in second.stdout
    assert httpx.get(f"http://127.0.0.1:{up.port}/ready", timeout=60).status_code == 200


def test_a_refused_start_names_the_port_that_is_in_use(up, start, tmp_path):
    port = up.port
    start("other", [sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1"], lambda: accepts(port))
    refused = up("web_single", "--background")
    assert refused.returncode == 1
    assert re.search(rf"port {port} is taken; WEB_SINGLE_PORT chooses another", refused.stdout)


def test_a_wrong_setting_is_refused_in_one_line(up):
    up.ports["BATCH_PORT"], up.ports["READY_SECONDS"] = "", "soon"
    refused = up("web_single")
    message = "READY_SECONDS: Input should be a valid number, unable to parse string as a number\n"
    assert (refused.returncode, refused.stderr) == (1, message)


def test_a_closed_terminal_stops_a_foreground_run(up):
    argv = [sys.executable, "-m", "local.up", "web_single"]
    with subprocess.Popen(argv, cwd=ROOT, env=os.environ | up.ports, stdout=subprocess.PIPE, text=True) as foreground:
        assert "running" in map(str.strip, foreground.stdout)
        foreground.send_signal(signal.SIGHUP)
        assert foreground.wait(120) == 0
    assert not accepts(up.port)


def test_ctrl_c_cancels_a_background_start(up, tmp_path):
    never_ready = "import sys, time\nif 'gunicorn' in sys.orig_argv:\n    time.sleep(600)\n"
    (tmp_path / "sitecustomize.py").write_text(never_ready)
    argv = [sys.executable, "-m", "local.up", "web_single", "--background"]
    env = os.environ | up.ports | {"PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as starting:
        assert starting.stdout.readline().startswith("waiting for web_single")
        starting.send_signal(signal.SIGINT)
        assert starting.wait(120) == 130
    assert not accepts(up.port)


def test_stop_succeeds_when_nothing_is_running(up):
    assert up("--stop").returncode == 0


def test_a_model_of_your_own_is_served_by_one_pattern(up, tmp_path):
    shutil.copytree(ROOT / "models" / "artifacts" / "iris" / "1", tmp_path / "own" / "7")
    up.ports["MODEL_DIR"] = str(tmp_path / "own")
    refused = up("web_single", "batch")
    assert (refused.returncode, refused.stderr) == (1, "MODEL_DIR is for one pattern: add PATTERN=..., or unset it\n")
    assert up("web_single", "--background").returncode == 0
    assert httpx.get(f"http://127.0.0.1:{up.port}/metadata", timeout=60).json()["version"] == 7
