"""The commands of the READMEs, run in the order of each README, in a clean copy of the repository.

Those that need Docker are run by `make e2e`, and those of `serving/` and `synchronous/` by tests of their own.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from local.processes import ROOT
from local.servers import answers
from tests.models.graphs import network

pytestmark = pytest.mark.usefixtures("system_authorities")

BIN = Path(sys.executable).parent
PROGRAMS = r"(?:\w+=\S+ )*(?:pip|python|\.venv/bin/python|gunicorn|uvicorn|curl) "
SERVES = r"(?:\w+=\S+ )*(?:gunicorn|uvicorn|\S*python -m (?:gunicorn|asynchronous\.worker))\b"


def commands_of(folder):
    """Return the commands of a README in their order, without what they print."""
    text = re.sub(r"```.*?```|\\\n +", "", (ROOT / folder / "README.md").read_text(), flags=re.S)
    lines = [line.strip().removeprefix("$ ") for line in text.splitlines() if line.startswith("    ")]
    return [line for line in lines if re.match(PROGRAMS, line)]


@pytest.fixture
def copy(tmp_path):
    """A copy of what is tracked, with the models and the environment of this one."""
    copy, programs = tmp_path / "copy", tmp_path / "bin"
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in tracked.split():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    for model in ("iris", "digits"):
        shutil.copytree(ROOT / "models" / "artifacts" / model, copy / "models" / "artifacts" / model)
    (copy / ".venv").symlink_to(ROOT / ".venv")
    programs.mkdir()
    # The environment has no pip, and all is installed: uv compares it with the lock.
    (programs / "pip").write_text(f'#!/bin/sh\nexec {BIN}/uv pip "$@" --dry-run --python {sys.executable}\n')
    (programs / "pip").chmod(0o755)
    return copy


@pytest.fixture
def run(copy, start, free_port):
    """Run commands, and return what each printed; those that serve run on until the test ends."""

    def run(commands, default_port="no port", **env):
        env |= {"PATH": f"{copy.parent / 'bin'}:{BIN}:{os.environ['PATH']}"}
        port, printed = str(free_port()), []
        env["GUNICORN_CMD_ARGS"] = f"--bind=127.0.0.1:{port} --workers=1"
        for shown in commands:
            job_id = re.findall(r'"job_id":"(\w+)"', "".join(printed))
            command = re.sub(r"[0-9a-f]{32}", job_id[0], shown) if job_id else shown
            argv = ["sh", "-ec", command.replace(default_port, port)]
            if re.match(SERVES, shown):
                start("served", argv, lambda: answers(f"http://127.0.0.1:{port}/ready"), env, copy)
            else:
                done = subprocess.run(argv, cwd=copy, env=os.environ | env, capture_output=True, text=True, check=False)
                assert done.returncode == 0, (shown, done.stdout + done.stderr)
                printed.append(done.stdout)
        return printed

    return run


def test_the_commands_of_web_single(run):
    *_, labels, inferred = run(commands_of("web_single"), "8000")
    assert json.loads(labels)["prediction"] == ["setosa", "virginica"]
    assert [each["shape"] for each in json.loads(inferred)["outputs"]] == [[1], [1, 3]]


def test_the_commands_of_asynchronous(run, redis_url, serving):
    *_, posted, ended = run(commands_of("asynchronous"), "8001", REDIS_URL=redis_url, SERVING_GRPC=serving.grpc)
    assert posted.startswith("HTTP/1.1 202 Accepted")
    assert json.loads(ended)["label"] == "7"


def test_the_commands_of_batch(run):
    _, seeded, predicted, status = run(commands_of("batch"), "8002")
    assert seeded == "1,000 rows added to sqlite:///.run/batch.sqlite3\n"
    assert predicted.startswith("1,000 rows predicted, 0 failed, ")
    assert "1,000" in status


@pytest.mark.parametrize("folder", ["", "models"])
def test_the_command_that_packages_a_model(run, copy, folder):
    rows = re.search(r"```json\n(.+?)```", (ROOT / "models" / "README.md").read_text(), re.S)[1]
    (copy / "rows.json").write_text(rows)
    (copy / "churn.onnx").write_bytes(network().SerializeToString())
    [command, *serve] = [each for each in commands_of(folder) if "churn" in each]
    run([command, *serve])
    assert len(serve) == (folder == "")
    manifest = json.loads((copy / "models" / "artifacts" / "churn" / "1" / "manifest.json").read_text())
    assert manifest["labels"] == ["left", "right"]
