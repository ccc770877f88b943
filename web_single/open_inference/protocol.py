"""The Open Inference Protocol, which clients of KServe, Triton and MLServer speak, for the same model."""

from collections.abc import Iterator
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import HTTPException
from pydantic import BaseModel
from pydantic_core import to_json

from ..bodies import BodyReader, Refused
from ..metrics import Metrics
from ..predictor import NoAnswer, Predictor
from ..service import check_ready
from ..settings import Settings
from .page import (
    JSON_LENGTH,
    InferResponse,
    Live,
    ModelMetadata,
    Ready,
    ServerMetadata,
    TensorMetadata,
    route,
)
from .requests import DATATYPES
from .tensors import TensorReader, write

SERVER = ServerMetadata(name=__name__.partition(".")[0], version="0.1.0", extensions=["binary_tensor_data"])
CONTENT_TYPES = ("", "application/json", "application/octet-stream")  # tritonclient announces none


class InferenceProtocol:
    """The handlers under /v2; each takes the request as it came."""

    def __init__(self, settings: Settings, predictor: Predictor, metrics: Metrics) -> None:
        self._predictor, self._metrics = predictor, metrics
        self._bodies = BodyReader(settings.max_body_bytes, settings.body_timeout)
        self._outputs = [output for output in predictor.outputs if output["dtype"] in DATATYPES]
        self._names = [output["name"] for output in self._outputs]
        self._reader = TensorReader(predictor.inputs[0], self._names, settings.max_rows, predictor.sample)

    def routes(self) -> Iterator[dict[str, Any]]:
        """Yield the arguments of `add_api_route` for each endpoint."""
        served = {"name": self._predictor.name, "version": str(self._predictor.version)}
        yield route("/v2", self.server, ServerMetadata, served=served)
        yield route("/v2/health/live", self.live, Live, served=served)
        yield route("/v2/health/ready", self.ready, Ready, 503, served=served)
        for path in ("/v2/models/{name}", "/v2/models/{name}/versions/{version}"):
            yield route(path, self.model, ModelMetadata, 404, served=served)
            yield route(f"{path}/ready", self.model_ready, Ready, 404, 503, served=served)
            refusals, asked = (400, 404, 408, 413, 415), self._reader.schema
            yield route(f"{path}/infer", self.infer, InferResponse, *refusals, served=served, asked=asked)

    async def server(self, request: Request) -> Response:
        """The server, and what it speaks beyond the protocol."""
        return _json(SERVER)

    async def live(self, request: Request) -> Response:
        """The process lives."""
        return _json(Live())

    async def ready(self, request: Request) -> Response:
        """The model predicts; it is tried with each call."""
        check_ready(self._predictor)
        return _json(Ready())

    async def model(self, request: Request) -> Response:
        """The model: its name, its version, and its tensors from the graph."""
        name, version = self._find(request)
        inputs, outputs = _described(self._predictor.inputs), _described(self._outputs)
        return _json(ModelMetadata(name=name, versions=[version], inputs=inputs, outputs=outputs))

    async def model_ready(self, request: Request) -> Response:
        """This model predicts; it is tried with each call."""
        name, _ = self._find(request)
        check_ready(self._predictor)
        return _json(Ready(name=name))

    async def infer(self, request: Request) -> Response:
        """The outputs that are asked for, for each row; as bytes behind the JSON where that is asked for."""
        name, version = self._find(request)
        _check_announced(request)
        body = await self._bodies.read(request)
        asked, rows = self._reader.read(body, request.headers.get(JSON_LENGTH))
        names = [output.name for output in asked.outputs or []] or self._names
        try:
            outputs = self._predictor.outputs_for(rows, names)
        except NoAnswer as error:
            raise Refused(400, f"inputs[0].{error}") from None
        self._metrics.rows.inc(len(rows))
        request.scope["rows"] = len(rows)  # for the access log
        head = {"model_name": name, "model_version": version} | ({} if asked.id is None else {"id": asked.id})
        content, json_length = write(asked, head, names, outputs)
        if json_length is None:
            return Response(content, media_type="application/json")
        return Response(content, 200, {JSON_LENGTH: str(json_length)}, "application/octet-stream")

    def _find(self, request: Request) -> tuple[str, str]:
        """Return the name and version that are served, or raise a 404 unless the path names them."""
        name, version = self._predictor.name, str(self._predictor.version)
        asked = request.path_params["name"], request.path_params.get("version", version)
        if asked != (name, version):
            there = f"the model here is {name!r}, version {version}"
            raise HTTPException(404, f"{asked[0][:60]!r}, version {asked[1][:60]!r} is not served: {there}")
        return name, version


def _check_announced(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Refused(415, f"content-encoding: must be identity, not {encoding[:60]!r}", "not_json")
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        raise Refused(
            415, f"content-type: must be {' or '.join(CONTENT_TYPES[1:])}, not {content_type[:60]!r}", "not_json"
        )


def _described(tensors: list[dict[str, Any]]) -> list[TensorMetadata]:
    sizes = [[-1 if size is None else size for size in tensor["shape"]] for tensor in tensors]
    return [
        TensorMetadata(name=tensor["name"], datatype=DATATYPES[tensor["dtype"]], shape=shape)
        for tensor, shape in zip(tensors, sizes, strict=True)
    ]


def _json(answer: BaseModel) -> Response:
    return Response(to_json(answer, exclude_none=True), media_type="application/json")
