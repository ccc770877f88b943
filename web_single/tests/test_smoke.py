"""The lesson from end to end, on real servers. It runs in a copy, too: python -m pytest my_service/tests -q"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1]
APP = f"{FOLDER.name}.app:create_app"
MODEL_DIR = Path(os.environ.get("MODEL_DIR", FOLDER.parent / "models" / "artifacts" / "iris")).resolve()
COMMANDS = {
    "uvicorn": ["uvicorn", "--factory", APP, "--log-level", "warning"],
    "gunicorn": ["gunicorn", "-c", f"{FOLDER.name}/gunicorn.conf.py", f"{APP}()", "--log-level", "warning"],
}


def start(server: str, port: int, model_dir: Path = MODEL_DIR) -> "subprocess.Popen[str]":
    argv = [sys.executable, "-m", *COMMANDS[server]]
    argv += ["--port", str(port)] if server == "uvicorn" else ["--bind", f"127.0.0.1:{port}", "--workers", "1"]
    env = os.environ | {"MODEL_DIR": str(model_dir)}
    return subprocess.Popen(argv, cwd=FOLDER.parent, env=env, text=True, stderr=subprocess.PIPE)


@pytest.fixture(params=COMMANDS)
def client(request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, trust_env=False)  # no proxy
    with start(request.param, port) as server, client:
        for _ in range(600):
            try:
                client.get("/ready")
                break
            except httpx.TransportError:
                assert server.poll() is None, server.stderr
                time.sleep(0.1)
        yield client
        server.terminate()


def test_each_row_is_answered_as_the_trainer_does_and_a_wrong_one_is_named(client: httpx.Client) -> None:
    version = max(MODEL_DIR.glob("*/manifest.json"), key=lambda path: int(path.parent.name)).parent
    manifest, golden = (json.loads((version / name).read_bytes()) for name in ("manifest.json", "golden.json"))
    columns = [np.array(golden["inputs"][each["name"]], object) for each in manifest["inputs"]]
    rows = np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1).tolist()
    answers = client.post("/predict", json={"data": rows}).json()["prediction"]
    output = manifest.get("output") or next(iter(golden["outputs"]))
    expected = np.array(golden["outputs"][output], float).reshape(np.shape(answers))
    np.testing.assert_allclose(answers, expected, golden["tolerance"], golden["tolerance"])
    if golden.get("labels"):
        assert client.post("/predict/label", json={"data": rows}).json()["prediction"] == golden["labels"]
    refused = client.post("/predict", json={"data": [rows[0], rows[0][1:]]})
    assert (refused.status_code, refused.json()["detail"][:7]) == (422, "data[1]")


@pytest.mark.parametrize("server", COMMANDS)
def test_an_altered_model_ends_the_start_in_one_line(server: str, tmp_path: Path) -> None:
    shutil.copytree(MODEL_DIR, tmp_path / "altered")
    for model in (tmp_path / "altered").glob("*/model.onnx"):
        model.write_bytes(b"altered")
    with start(server, 0, tmp_path / "altered") as ended:
        _, printed = ended.communicate(timeout=200)
    assert (ended.returncode, len(printed.splitlines()), "is not what was built" in printed) == (1, 1, True)
