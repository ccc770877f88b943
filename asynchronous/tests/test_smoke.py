"""The lesson from end to end: submit images, run a worker, read the results. It needs Redis and TensorFlow Serving.

REDIS_URL, SERVING_GRPC and MODEL_DIR name what it uses; by default these are the servers that the README starts.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

FOLDER = Path(__file__).parents[1]
ENVIRONMENT = {"MODEL_DIR": str(FOLDER.parent / "models" / "artifacts" / "digits")} | os.environ
SEVEN = (FOLDER / "test_image.png").read_bytes()


def start(*argv: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", *argv], cwd=FOLDER.parent, env=ENVIRONMENT)


def wait_until_ready(client: httpx.Client, seconds: float = 240) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        assert time.monotonic() < deadline, "the proxy is not ready"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def api() -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
    proxy = start("uvicorn", "--factory", f"{FOLDER.name}.app:create_app", "--port", port)
    url, headers = f"http://127.0.0.1:{port}", {"content-type": "image/png"}
    with httpx.Client(base_url=url, timeout=40, headers=headers, trust_env=False) as client:
        wait_until_ready(client)
        yield client
    proxy.terminate()
    assert proxy.wait(40) in (0, -15)


def test_images_become_results(api: httpx.Client) -> None:
    posts = [api.post("/predict", content=image) for image in (SEVEN, SEVEN[:60], SEVEN)]
    assert [answer.status_code for answer in posts] in ([202, 202, 202], [202, 422, 202])  # uploads/ looks at headers
    first, *_, last = (answer.headers["location"] for answer in posts if answer.status_code == 202)
    assert api.get(first).json()["status"] == "pending"
    assert start(f"{FOLDER.name}.worker", "--burst").wait(240) == 0
    for job in (first, last):
        answer = api.get(job, params={"wait": 10})
        assert (answer.status_code, answer.json()["status"], answer.json()["label"]) == (200, "done", "7")


@pytest.mark.parametrize(("image", "status"), [(b"", 422), (bytes(10 * 2**20 + 1), 413)])
def test_a_refusal_names_the_field(api: httpx.Client, image: bytes, status: int) -> None:
    answer = api.post("/predict", content=image)
    assert (answer.status_code, answer.json()["detail"][:7]) == (status, "image: ")


def test_an_unknown_job_is_not_found(api: httpx.Client) -> None:
    assert api.get(f"/job/{'0' * 32}").status_code == 404
