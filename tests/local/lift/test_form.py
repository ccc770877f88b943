"""Without arguments, the command asks on a terminal."""

import os
import pty
import subprocess
import sys

from local.lift.parts import optional_folders
from local.processes import ROOT


def fill_in(answers):
    """Return what the form prints, and its refusal."""
    terminal, other = pty.openpty()
    argv = [sys.executable, "-m", "local.lift"]
    with subprocess.Popen(argv, cwd=ROOT, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        os.write(terminal, "\n".join([*answers, ""]).encode())
        printed, refused = asked.communicate(timeout=120)
    return printed.decode(), refused.decode()


def test_the_form_asks_again_and_prints_the_command_that_does_the_same(tmp_path):
    wanted = ["y" if part == "golden" else "n" for part in optional_folders("web_single")]
    # The first pattern, name and model are refused. `/no` is not a model either, so the form is interrupted there.
    answers = ["web", "web_single", str(tmp_path / "churn"), "my-churn", "churn", "/no", "models/artifacts/digits"]
    printed, refused = fill_in([*answers, *wanted])
    command = f"make lift PATTERN=web_single TO={tmp_path / 'churn'} NAME=churn MODEL=models/artifacts/digits "
    assert command + "WITHOUT='columns compatibility docs fast limits " in printed
    assert "is not an ONNX model" in refused
    assert "protects from" in printed


def test_the_form_asks_where_the_serving_program_is_if_the_pattern_needs_one(tmp_path):
    wanted = ["y" if part == "waiting" else "n" for part in optional_folders("asynchronous")]
    answers = ["asynchronous", str(tmp_path / "churn"), "churn", "models/artifacts/iris", "nowhere", "host:9000"]
    printed, refused = fill_in([*answers, *wanted])
    assert "MODEL=models/artifacts/iris SERVING=host:9000 WITHOUT='background callbacks " in printed
    assert "is not a SavedModel" in refused
