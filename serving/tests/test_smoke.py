"""The test that travels with a copy of this folder: `python -m pytest serving/tests`.

It starts the server with the digits model in MODEL_DIR, by default models/artifacts/digits.
"""

import base64
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import grpc
import httpx
import pytest

from ..messages import bytes_tensor, predict_pb2, prediction_service_pb2_grpc, tensor_values

PACKAGE = Path(__file__).parents[1]
MODEL = Path(os.environ.get("MODEL_DIR", "models/artifacts/digits")).resolve()
IMAGE = Path(__file__).with_name("seven.png").read_bytes()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def accepts(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def ports():
    """The gRPC and REST ports of a running server."""
    port, rest_port = free_port(), free_port()
    argv = [sys.executable, "-m", PACKAGE.name, f"--port={port}", f"--rest_api_port={rest_port}"]
    argv += [f"--model_name={MODEL.name}", f"--model_base_path={MODEL}"]
    with subprocess.Popen(argv, cwd=PACKAGE.parent) as server:
        try:
            deadline = time.monotonic() + 180
            while not accepts(rest_port):
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server did not start in time"
                time.sleep(0.1)
            yield port, rest_port
        finally:
            server.terminate()
    assert server.returncode == 0


def test_grpc_answers_predict(ports):
    request = predict_pb2.PredictRequest(inputs={"image": bytes_tensor([IMAGE])})
    request.model_spec.name = MODEL.name
    with grpc.insecure_channel(f"127.0.0.1:{ports[0]}", [("grpc.enable_http_proxy", 0)]) as channel:
        response = prediction_service_pb2_grpc.PredictionServiceStub(channel).Predict(request, timeout=30)
    assert tensor_values(response.outputs["label"]) == [b"7"]


def test_rest_answers_predict(ports):
    body = {"instances": [{"b64": base64.b64encode(IMAGE).decode()}]}
    url = f"http://127.0.0.1:{ports[1]}/v1/models/{MODEL.name}:predict"
    answer = httpx.post(url, json=body, timeout=30, trust_env=False)
    assert [row["label"] for row in answer.json()["predictions"]] == ["7"]
