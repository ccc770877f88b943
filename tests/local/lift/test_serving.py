"""Copies of the patterns whose model is in a serving program."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import yaml

from local import servers
from local.lift.__main__ import main
from local.processes import ROOT
from models.gallery import keras_models

pytestmark = pytest.mark.timeout(600)
DIGITS = ROOT / "models" / "artifacts" / "digits"


def order(folder, **changed):
    given = {"pattern": "synchronous", "to": folder / "churn", "model": DIGITS} | changed
    return [word for name, value in given.items() for word in (f"--{name}", str(value))]


@pytest.mark.exhaustive
def test_a_keras_text_model_behind_the_copied_serving_program_answers_as_keras_does(lift_without, start, tmp_path):
    trained, port, rest = keras_models.sentences(), servers.free_port(), servers.free_port()
    project = lift_without("synchronous", (), trained.package(tmp_path).parent)
    argv = [sys.executable, "-m", "serving", f"--port={port}", f"--rest_api_port={rest}", "--model_name=keras-text"]
    argv.append("--model_base_path=models/keras-text")
    start("serving", argv, lambda: servers.accepts(rest), {}, project)
    rows = [{"text": text.tolist()} for text in trained.rows["text"]]
    argv = [sys.executable, "-m", "churn.client", "--inputs", "-", "--target", f"127.0.0.1:{port}"]
    asked = json.dumps({"instances": rows})
    done = subprocess.run(argv, cwd=project, check=True, input=asked, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    np.testing.assert_allclose(answers, trained.answers, rtol=1e-4, atol=1e-4)
    assert not (project / "churn" / "cli").exists()
    env = os.environ | {"SERVING_GRPC": f"127.0.0.1:{port}", "SERVING_REST": f"http://127.0.0.1:{rest}"}
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "churn/tests"]
    assert "3 passed" in subprocess.run(argv, cwd=project, env=env, capture_output=True, text=True, check=False).stdout


@pytest.mark.exhaustive
@pytest.mark.parametrize(("pattern", "passed"), [("synchronous", 6), ("asynchronous", 4)])
def test_the_command_writes_a_copy_whose_smoke_test_passed_in_a_fresh_environment(pattern, passed, tmp_path, capsys):
    assert main(order(tmp_path, pattern=pattern, only="rest" if pattern == "synchronous" else "waiting")) == 0
    assert re.search(rf"smoke test +│ {passed} passed", capsys.readouterr().out)
    assert (tmp_path / "churn" / "serving" / "__main__.py").exists()


@pytest.mark.parametrize("pattern", ["synchronous", "asynchronous"])
def test_a_copy_with_an_address_asks_it_everywhere_and_has_no_serving_program(pattern, tmp_path):
    assert main([*order(tmp_path, pattern=pattern, serving="models.example.com:9000"), "--no-smoke"]) == 0
    files = [path for path in (tmp_path / "churn").rglob("*") if path.suffix in {".py", ".yaml", ".md"}]
    found = {path.name for path in files if "models.example.com:9000" in path.read_text()}
    settings = {"synchronous": {"client.py"}, "asynchronous": {"settings.py", "compose.yaml", "asynchronous.yaml"}}
    assert {name.replace("churn.yaml", "asynchronous.yaml") for name in found} == settings[pattern] | {"README.md"}
    assert not (tmp_path / "churn" / "serving").exists()


def test_the_readme_of_a_copy_says_of_each_part_what_its_docstring_says(lift_without):
    text = (lift_without("asynchronous", (), DIGITS) / "README.md").read_text()
    assert "and batches that outlast PREDICT_TIMEOUT. | two commands to Redis before each claim" in text
    assert "one more program, `python -m churn.callbacks`. |" in text


def test_a_worker_that_no_part_supervises_has_no_probe_of_its_heartbeat(lift_without):
    project = lift_without("asynchronous", ("supervision",), DIGITS)
    assert yaml.safe_load((project / "compose.yaml").read_text())["services"]["churn-worker"]["healthcheck"] == {
        "disable": True
    }
    for path in (project / "compose.yaml", project / "k8s" / "churn.yaml"):
        assert "heartbeat" not in path.read_text().lower()


def bare(folder):
    """Return the digits' SavedModel without its manifest, and what its trainer says, in a file."""
    shutil.copytree(DIGITS / "1", folder / "exported")
    golden = json.loads((folder / "exported" / "golden.json").read_text())
    (folder / "rows.json").write_text(json.dumps(golden))
    for name in ("manifest.json", "golden.json"):
        (folder / "exported" / name).unlink()
    return folder / "exported", golden


def test_a_saved_model_is_packaged_with_the_golden_rows_and_labels_that_are_given(tmp_path):
    model, golden = bare(tmp_path)
    labels = ",".join(map(str, range(10)))
    given = order(tmp_path, model=model, golden=tmp_path / "rows.json", labels=labels)
    assert main([*given, "--no-smoke"]) == 0
    manifest = json.loads((tmp_path / "churn" / "models" / "churn" / "1" / "manifest.json").read_text())
    assert (manifest["name"], manifest["labels"]) == ("churn", labels.split(","))
    assert (tmp_path / "churn" / "churn" / "tests" / "sample.png").read_bytes() == base64.b64decode(
        golden["inputs"]["image"][0]["b64"]
    )


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "give rows with the answers of its trainer, GOLDEN=rows.json"),
        ({"golden": "rows.json"}, "the model is a classifier; give its labels, LABELS=a,b"),
        ({"golden": "wrong.json", "labels": "0,1"}, "golden row 0, label: the trainer answers 'nine'"),
    ],
)
def test_a_saved_model_without_answers_or_with_other_answers_is_refused(changed, line, tmp_path, capsys):
    model, golden = bare(tmp_path)
    golden["outputs"]["label"][0] = "nine"
    (tmp_path / "wrong.json").write_text(json.dumps(golden))
    changed |= {"golden": tmp_path / changed["golden"]} if changed else {}
    assert main(order(tmp_path, model=model, **changed)) == 1
    assert line in capsys.readouterr().err
    assert not (tmp_path / "churn").exists()


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"serving": "nowhere"}, "SERVING=nowhere: is neither copy nor the host:port"),
        ({"pattern": "batch", "serving": "host:8500"}, "SERVING=host:8500: batch has the model itself"),
        ({"model": ROOT / "models" / "artifacts" / "iris"}, "is not a SavedModel; synchronous serves no other"),
    ],
)
def test_a_wrong_order_is_refused_before_anything_is_written(changed, line, tmp_path, capsys):
    assert main(order(tmp_path, **changed)) == 1
    assert line in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
