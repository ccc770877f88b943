"""A copy of each pattern's folder, under another name and installed from its own lock file, starts and answers."""

import json
import os
import shutil
import subprocess
import sys

import httpx
import pytest

from local.demo.samples import digit_images, iris_rows
from local.processes import ROOT, wait_until
from local.servers import answers
from synchronous.client import connect

pytestmark = [pytest.mark.timeout(900), pytest.mark.usefixtures("system_authorities")]


class Copy:
    """A folder `my_service` outside the repository, with an environment that contains only its requirements."""

    def __init__(self, pattern, place):
        self.place = place
        self.python = str(place / "venv" / "bin" / "python")
        shutil.copytree(ROOT / pattern, place / "my_service", ignore=shutil.ignore_patterns("__pycache__"))
        uv, lock = str(ROOT / ".venv" / "bin" / "uv"), str(ROOT / pattern / "requirements.txt")
        subprocess.run([uv, "venv", "-q", "--python", sys.executable, str(place / "venv")], check=True)
        install = [uv, "pip", "install", "-q", "--python", self.python, "--no-deps", "--require-hashes", "-r", lock]
        subprocess.run(install, check=True)

    def run(self, *argv, **environment):
        argv = [self.python, "-m", *argv]
        return subprocess.run(
            argv, cwd=self.place, env=os.environ | environment, capture_output=True, text=True, check=True
        ).stdout


@pytest.fixture
def lift(tmp_path):
    return lambda pattern: Copy(pattern, tmp_path)


def test_a_copy_of_web_single_answers(lift, start, free_port, artifacts):
    copy, url = lift("web_single"), f"127.0.0.1:{free_port()}"
    argv = [copy.python, "-m", "gunicorn", "-c", "my_service/gunicorn.conf.py", "--bind", url]
    env = {"MODEL_DIR": str(artifacts / "iris")}
    argv.append("my_service.app:create_app()")
    start("web_single", argv, lambda: answers(f"http://{url}/ready"), env, copy.place)
    answer = httpx.post(f"http://{url}/predict/label", json={"data": iris_rows(3)}, timeout=60)
    assert answer.json() == {"prediction": ["setosa", "versicolor", "virginica"]}


def test_a_copy_of_synchronous_answers_over_both_protocols(lift, serving):
    copy, image = lift("synchronous"), digit_images(1)[0]
    (copy.place / image.name).write_bytes(image.data)
    for protocol in ("grpc", "rest"):
        target = ["--format", protocol, "--target", getattr(serving, protocol)]
        printed = copy.run("my_service.client", *target, "--image-file", image.name)
        assert json.loads(printed)["label"] == image.label


@pytest.mark.exhaustive  # half a minute of processor time, in which TensorFlow's modules are compiled
def test_a_copy_of_serving_answers(lift, start, free_port, artifacts):
    copy, grpc, rest = lift("serving"), free_port(), free_port()
    flags = [f"--port={grpc}", f"--rest_api_port={rest}", "--model_name=digits"]
    argv = [copy.python, "-m", "my_service", *flags, f"--model_base_path={artifacts / 'digits'}"]
    start("serving", argv, lambda: answers(f"http://127.0.0.1:{rest}/v1/models/digits"), cwd=copy.place)
    image = digit_images(1)[0]
    with connect("grpc", f"127.0.0.1:{grpc}") as client:
        assert client.predict([image.data], 30)[0].label == image.label


def test_a_copy_of_asynchronous_finishes_a_job(lift, start, free_port, artifacts, redis_url, serving):
    copy, port, image = lift("asynchronous"), free_port(), digit_images(1)[0]
    env = {"REDIS_URL": redis_url, "SERVING_GRPC": serving.grpc, "MODEL_DIR": str(artifacts / "digits")}
    url = f"http://127.0.0.1:{port}"
    argv = [
        copy.python,
        "-m",
        "uvicorn",
        "--http",
        "my_service.server.http:Protocol",
        "--factory",
        "my_service.app:create_app",
        "--port",
        str(port),
    ]
    start("proxy", argv, lambda: answers(f"{url}/ready"), env, copy.place)
    start("worker", [copy.python, "-m", "my_service.worker"], None, env, copy.place)
    accepted = httpx.post(f"{url}/predict", content=image.data, headers={"content-type": "image/png"}, timeout=60)
    assert accepted.status_code == 202, accepted.text
    job = f"{url}/job/{accepted.json()['job_id']}"
    wait_until(lambda: httpx.get(job, params={"wait": 10}, timeout=60).json().get("status") == "done", 120, "the job")
    assert httpx.get(job, timeout=60).json()["label"] == image.label


def test_a_copy_of_batch_predicts_its_rows(lift, artifacts):
    copy = lift("batch")
    env = {"DATABASE_URL": "sqlite:///rows.sqlite3", "MODEL_DIR": str(artifacts / "iris")}
    copy.run("my_service.seed", "--rows", "100", **env)
    summary = json.loads(copy.run("my_service.job", "--json", **env).splitlines()[-1])
    assert (summary["done"], summary["failed"]) == (100, 0)
