"""Copies of web_single around models of the gallery."""

import json
import re
import sys

import httpx
import numpy as np
import pytest

from local.lift.__main__ import main
from local.lift.parts import optional_folders
from local.processes import ROOT
from local.servers import answers
from models.gallery import tabular

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def serve(start, free_port, lift_without):
    """Start a copy around a trained model; return its address."""

    def serve(trained, models, removed):
        project, url = lift_without("web_single", removed, trained.package(models).parent), f"127.0.0.1:{free_port()}"
        argv = [sys.executable, "-m", "gunicorn", "-c", "churn/gunicorn.conf.py", "--bind", url, "--workers", "1"]
        start("churn", [*argv, "churn.app:create_app()"], lambda: answers(f"http://{url}/ready"), {}, project)
        return project, f"http://{url}"

    return serve


def test_a_copy_answers_as_the_training_framework_from_several_named_inputs(serve, tmp_path):
    trained = tabular.column_transformer()
    _, url = serve(trained, tmp_path, set(optional_folders("web_single")) - {"columns"})
    body = {"data": trained.rows.to_dict("records")}
    answered = httpx.post(f"{url}/predict", json=body, timeout=60).json()["prediction"]
    np.testing.assert_allclose(answered, trained.answers, rtol=1e-4, atol=1e-4)
    assert httpx.post(f"{url}/predict/label", json=body, timeout=60).json()["prediction"] == trained.labels


@pytest.mark.parametrize(
    "example", [tabular.lightgbm_regressor, pytest.param(tabular.lightgbm, marks=pytest.mark.exhaustive)]
)
def test_the_readme_of_a_copy_shows_a_request_and_its_answer(example, serve, tmp_path):
    project, url = serve(example(), tmp_path, {"telemetry", "fast"})
    readme = (project / "README.md").read_text()
    body, path, shown = re.search(r"-d '(.+)' \S+:8000(\S+)\n\n    (\{.+?\})", readme).groups()
    answered = httpx.post(f"{url}{path}", json=json.loads(body), timeout=60).json()["prediction"]
    expected = json.loads(shown)["prediction"]
    assert answered == expected if path.endswith("label") else np.allclose(answered, expected, 1e-4)


@pytest.mark.exhaustive
def test_the_command_of_the_readme_tests_the_copy_in_a_fresh_environment(tmp_path, capsys, monkeypatch):
    readme = (ROOT / "README.md").read_text()
    parts = re.search('make lift PATTERN=web_single TO=../churn MODEL=.+ ONLY="(.+)"', readme)[1]
    model = tabular.column_transformer().package(tmp_path / "models").parent
    order = ["--pattern", "web_single", "--to", str(tmp_path / "churn"), "--model", str(model), "--only", parts]
    monkeypatch.setenv("COLUMNS", "90")
    assert main(order) == 0
    printed, shown = (
        re.search("┌.+?┘", text, re.S)[0] for text in (capsys.readouterr().out, readme[readme.index("make lift") :])
    )
    assert re.sub(r"passed in .+?│", "", printed) == re.sub(r"passed in .+?│", "", shown)
    assert not list((tmp_path / "churn").rglob("__pycache__"))
    lock = (tmp_path / "churn" / "requirements.txt").read_text()
    assert "fastapi-offline" not in lock
    assert len(re.findall("^[a-z].*==", lock, re.M)) <= len(re.findall("--hash=sha256:", lock))
