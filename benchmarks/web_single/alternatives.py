"""Three common ways to write the same service. None of them counts, times or limits anything.

`zipmap`: a `def` endpoint, so each request goes to a thread, over a graph that answers with a list of dicts.
`models`: an `async def` endpoint with pydantic models in and out. `adapter`: a Starlette endpoint and a `TypeAdapter`.
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from fastapi import FastAPI
from pydantic import BaseModel, TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from .baseline import MODEL, session


class Rows(BaseModel):
    data: list[list[float]]


class Probabilities(BaseModel):
    prediction: list[list[float]]


def _model() -> Path:
    return Path(os.environ["MODEL_DIR"], MODEL)


def _with_zipmap() -> Any:
    """Return a session over the graph as converters write it by default: a dict of probabilities for each row."""
    model = onnx.load(_model())
    zipmap = onnx.helper.make_node(
        "ZipMap", ["probabilities"], ["zipped"], domain="ai.onnx.ml", classlabels_int64s=[0, 1, 2]
    )
    model.graph.node.append(zipmap)
    model.graph.output.append(onnx.helper.make_empty_tensor_value_info("zipped"))
    with TemporaryDirectory() as folder:
        onnx.save(model, Path(folder, "model.onnx"))
        return session(Path(folder, "model.onnx"))


def zipmap() -> FastAPI:
    app, run = FastAPI(), _with_zipmap().run

    @app.post("/predict")
    def predict(rows: Rows) -> Probabilities:
        answers = run(["zipped"], {"float_input": np.array(rows.data, np.float32)})[0]
        return Probabilities(prediction=[list(row.values()) for row in answers])

    @app.get("/ready")
    def ready() -> None: ...

    return app


def models() -> FastAPI:
    app, run = FastAPI(), session(_model()).run

    @app.post("/predict")
    async def predict(rows: Rows) -> Probabilities:
        answer = run(["probabilities"], {"float_input": np.array(rows.data, np.float32)})[0]
        return Probabilities(prediction=answer.tolist())

    @app.get("/ready")
    async def ready() -> None: ...

    return app


def adapter() -> Starlette:
    run, rows, answers = session(_model()).run, TypeAdapter(Rows), TypeAdapter(Probabilities)

    async def predict(request: Request) -> Response:
        data = rows.validate_json(await request.body()).data
        answer = run(["probabilities"], {"float_input": np.array(data, np.float32)})[0]
        found = Probabilities(prediction=answer.tolist())
        return Response(answers.dump_json(found), media_type="application/json")

    async def ready(_: Request) -> Response:
        return Response()

    return Starlette(routes=[Route("/predict", predict, methods=["POST"]), Route("/ready", ready)])
