"""Without arguments, the command asks on a terminal."""

import os
import pty
import subprocess
import sys

from local.lift.parts import optional_folders
from local.processes import ROOT


def test_the_form_asks_again_and_prints_the_command_that_does_the_same(tmp_path):
    wanted = ["y" if part == "golden" else "n" for part in optional_folders("web_single")]
    # The first pattern, name and model are refused. `/no` is not a model either, so the form is interrupted there.
    answers = ["web", "web_single", str(tmp_path / "churn"), "my-churn", "churn", "/no", "models/artifacts/digits"]
    terminal, other = pty.openpty()
    argv = [sys.executable, "-m", "local.lift"]
    with subprocess.Popen(argv, cwd=ROOT, stdin=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as asked:
        os.write(terminal, "\n".join([*answers, *wanted, ""]).encode())
        printed, refused = asked.communicate(timeout=120)
    command = f"make lift PATTERN=web_single TO={tmp_path / 'churn'} NAME=churn MODEL=models/artifacts/digits "
    assert command + "WITHOUT='columns compatibility docs fast limits " in printed.decode()
    assert b"is not an ONNX model" in refused
    assert b"protects from" in printed
