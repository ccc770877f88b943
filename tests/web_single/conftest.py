import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import onnx
import pytest
from fastapi import FastAPI
from onnx import TensorProto, helper

from local.processes import Program
from web_single.app import build_app, load_model
from web_single.model import Model
from web_single.settings import Settings

from .running import Service


@dataclass
class Client:
    """Calls an application in this process; a failure inside it is raised here unless `raises` is false."""

    app: FastAPI
    raises: bool = True

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=self.raises)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(call())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, path: str, **options: Any) -> httpx.Response:
        return self.request("POST", path, **options)

    def send(self, body: object, **headers: str) -> httpx.Response:
        """POST raw bytes, or a stream of them without a length, to /predict as JSON."""
        return self.post("/predict", content=body, headers={"content-type": "application/json"} | headers)


@pytest.fixture(scope="session")
def settings(artifacts: Path) -> Settings:
    return Settings(model_dir=artifacts / "iris")


@pytest.fixture(scope="session")
def model(settings: Settings) -> Model:
    return load_model(settings)


@pytest.fixture
def client(settings: Settings, model: Model) -> Client:
    return Client(build_app(settings, model))


@pytest.fixture
def service(start: Callable[..., Program], free_port: Callable[[], int]) -> Iterator[Callable[..., Service]]:
    services: list[Service] = []

    def run(*flags: str, **env: str) -> Service:
        services.append(Service(start, free_port(), *flags, **env))
        return services[-1]

    yield run
    for one in services:
        one.http.close()


@pytest.fixture
def model_dir(tmp_path: Path) -> Callable[..., Path]:
    """Write a model folder whose graph is softmax(rows @ ones), or the given nodes, and return it.

    With `label` it has the likeliest label, a string, as a second output.
    """

    def write(width: int = 7, labels: tuple[str, ...] = ("no", "yes"), dtype: str = "FLOAT", **change: Any) -> Path:
        kind = getattr(TensorProto, dtype)
        weights = helper.make_tensor("weights", kind, [width, len(labels)], [0.5] * width * len(labels))
        nodes = change.get("nodes") or [
            helper.make_node("MatMul", ["rows", "weights"], ["scores"]),
            helper.make_node("Softmax", ["scores"], ["chances"]),
        ]
        rows = helper.make_tensor_value_info("rows", kind, change.get("shape", [None, width]))
        chances = helper.make_tensor_value_info("chances", kind, change.get("output", [None, len(labels)]))
        outputs, constants = [chances], [weights]
        if change.get("label"):
            nodes += [helper.make_node("ArgMax", ["chances"], ["best"], axis=1, keepdims=0)]
            nodes += [helper.make_node("Gather", ["names", "best"], ["label"])]
            outputs.append(helper.make_tensor_value_info("label", TensorProto.STRING, [None]))
            constants.append(
                helper.make_tensor("names", TensorProto.STRING, [len(labels)], [x.encode() for x in labels])
            )
        graph = helper.make_graph(nodes, "small", [rows], outputs, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        return save(tmp_path / "model", onnx.ModelProto.SerializeToString(model), list(labels))

    return write


def save(folder: Path, model: bytes, labels: list[str], files: dict[str, bytes] | None = None, **manifest: Any) -> Path:
    """Write `model` as version 3 in `folder`, with a manifest that is true; `manifest` adds to it."""
    (folder / "3").mkdir(parents=True)
    hashes = {}
    for name, content in {"model.onnx": model, **(files or {})}.items():
        (folder / "3" / name).write_bytes(content)
        hashes[name] = {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    manifest = {"name": "small", "version": 3, "labels": labels, "accuracy": {}, "files": hashes} | manifest
    (folder / "3" / "manifest.json").write_text(json.dumps(manifest))
    return folder


def serve(folder: Path) -> Client:
    """Return the application for a model folder."""
    settings = Settings(model_dir=folder)
    return Client(build_app(settings, load_model(settings)))
