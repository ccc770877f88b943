"""What cannot be lifted ends in one line, and nothing is written."""

import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from local.lift.__main__ import main
from local.processes import ROOT, wait_until
from models.gallery import tabular

IRIS = str(ROOT / "models" / "artifacts" / "iris")
GOOD = {"pattern": "web_single", "to": "churn", "model": IRIS}


def order(folder, **changed):
    """Return the arguments for a new folder in `folder`."""
    given = GOOD | changed
    given["to"] = str(folder / given["to"])
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"pattern": "web"},
            "PATTERN=web: cannot be lifted; choose web_single or synchronous or asynchronous or batch",
        ),
        ({"to": "there"}, "exists already; name a new folder"),
        ({"to": "no/churn"}, "create it first"),
        ({"to": "my-churn"}, "NAME=my-churn: is not a valid package name"),
        ({"name": "class"}, "NAME=class: is not a valid package name"),
        ({"name": "json"}, "NAME=json: is the name of another package"),
        ({"name": "fastapi"}, "NAME=fastapi: is the name of another package"),
        ({"model": "/no"}, "MODEL=/no: does not exist"),
        ({"model": ROOT / "models"}, "holds no packaged model; package one with"),
        ({"model": ROOT / "models" / "artifacts" / "digits"}, "is not an ONNX model; web_single serves no other"),
        ({"model": ROOT / "Makefile"}, "give rows with the answers of its trainer, GOLDEN=rows.json"),
        ({"model": ROOT / "Makefile", "golden": "/no"}, "/no must hold"),
        ({"golden": "rows.json"}, "is packaged already; leave out GOLDEN and LABELS"),
        ({"labels": "a,b,c"}, "is packaged already; leave out GOLDEN and LABELS"),
        ({"without": "golden speed"}, "speed: is not a part of web_single; its parts are columns, "),
        ({"without": "fast", "only": "fast"}, "WITHOUT and ONLY were both given; give one of them"),
    ],
)
def test_a_wrong_order_is_refused_in_one_line_before_anything_is_written(changed, line, tmp_path, capsys):
    (tmp_path / "there").mkdir()
    assert main(order(tmp_path, **changed)) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n"), line in printed.err) == ("", 1, True), printed.err
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_a_model_with_several_inputs_needs_the_part_columns(tmp_path, capsys):
    model = tabular.column_transformer().package(tmp_path / "models").parent
    assert main(order(tmp_path, model=model, without="columns fast")) == 1
    assert "it needs the part columns\n" in capsys.readouterr().err
    assert not (tmp_path / "churn").exists()


def test_an_altered_model_is_refused_by_the_copy_itself_and_nothing_is_written(tmp_path, capsys):
    shutil.copytree(IRIS, tmp_path / "iris")
    with (tmp_path / "iris" / "1" / "model.onnx").open("ab") as file:
        file.write(b" ")
    assert main(order(tmp_path, model=tmp_path / "iris")) == 1
    assert "is not what was built" in capsys.readouterr().err
    assert not (tmp_path / "churn").exists()


def programs_in(folder):
    """Return the processes that run in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += [process] if (process / "cwd").readlink().is_relative_to(folder) else []
    return found


@pytest.mark.parametrize(
    ("number", "programs"),
    [
        (signal.SIGINT, 1),
        pytest.param(signal.SIGINT, 2, marks=pytest.mark.exhaustive),
        pytest.param(signal.SIGTERM, 2, marks=pytest.mark.exhaustive),
    ],
)
def test_an_interrupted_run_leaves_nothing(number, programs, tmp_path):
    """One program in the copy's folder installs its environment; the second is a server of its smoke test."""
    scratch = tmp_path / "tmp"
    scratch.mkdir()
    argv = [sys.executable, "-m", "local.lift", *order(tmp_path)]
    running = subprocess.Popen(argv, cwd=ROOT, env=os.environ | {"TMPDIR": str(scratch)})
    wait_until(lambda: len(programs_in(scratch)) >= programs, 120, f"{programs} programs in the copy")
    running.send_signal(number)
    assert running.wait(200) in (130, 143)
    assert [path.name for path in tmp_path.iterdir()] == ["tmp"]
    assert not list(scratch.glob("lift-*"))
    wait_until(lambda: not programs_in(scratch), what="the end of the servers")
