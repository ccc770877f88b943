"""The start under plain uvicorn."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from local.processes import ROOT

from .conftest import save
from .graphs import lookup

UVICORN = [sys.executable, "-m", "uvicorn", "--factory", "web_single.app:create_app", "--port", "0"]


def run(argv: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    both = os.environ | env
    return subprocess.run(argv, check=False, cwd=ROOT, env=both, capture_output=True, text=True, timeout=100)


def refused(**env: str) -> tuple[int, list[str]]:
    done = run(UVICORN, env)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def test_a_model_that_is_refused_ends_the_start_in_one_line(tmp_path: Path) -> None:
    code, (line,) = refused(MODEL_DIR=str(save(tmp_path / "model", b"no graph", ["a"])))
    assert code == 1
    assert line.startswith(f"web_single: {tmp_path}/model/3/model.onnx cannot be loaded from its `files`: ")


def test_a_label_that_no_answer_can_hold_ends_the_start_in_one_line(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", lookup(), ["good", "\ud800"], sample=[0])
    code, (line,) = refused(MODEL_DIR=str(folder))
    assert code == 1
    assert line.startswith(f"web_single: {folder}/3/manifest.json cannot be read: UnicodeEncodeError: ")


@pytest.mark.parametrize(("name", "value"), [("MAX_ROWS", "many"), ("MAX_IN_FLIGHT", "0"), ("ACCESS_LOG", "maybe")])
def test_an_impossible_setting_ends_the_start_in_one_line(name: str, value: str) -> None:
    code, (line,) = refused(**{name: value})
    assert code == 1
    assert line.startswith(f"web_single: {name.lower()}: Input should be")
    assert line.endswith(f", not {value!r}")


def test_the_two_starts_refuse_with_the_same_words(model_dir: Callable[..., Path]) -> None:
    folder = model_dir()
    (folder / "3" / "model.onnx").write_bytes(b"altered")
    gunicorn = [sys.executable, "-m", "gunicorn", "-c", "web_single/gunicorn.conf.py", "web_single.app:create_app()"]
    env = {"MODEL_DIR": str(folder)}
    printed = run([*gunicorn, "--bind", "127.0.0.1:0", "--log-level", "warning"], env).stderr
    assert printed.splitlines() == refused(**env)[1]
