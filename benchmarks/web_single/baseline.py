"""The baseline: parse the JSON, run the session, write the JSON. Nothing is checked, counted or refused."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from pydantic_core import from_json, to_json
from starlette.types import ASGIApp, Receive, Scope, Send

MODEL = "1/model.onnx"


def session(model: Path) -> Any:
    """Return a session with one thread, like the pattern's own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def create_app() -> ASGIApp:
    """Return a bare ASGI function over the Iris graph in MODEL_DIR."""
    run = session(Path(os.environ["MODEL_DIR"], MODEL)).run

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("no lifespan here")
        body, more = b"", True
        while more:
            message = await receive()
            body += message["body"]
            more = message["more_body"]
        rows = np.array(from_json(body)["data"], np.float32) if body else np.zeros((1, 4), np.float32)
        answer = to_json({"prediction": run(["probabilities"], {"float_input": rows})[0].tolist()})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    return app
