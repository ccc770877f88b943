"""The endpoints of the Open Inference Protocol. Clients of KServe, Triton and MLServer use it."""

from typing import Annotated, Any

from fastapi import Depends, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel
from pydantic_core import to_json

from ..api import TheModel, UnsupportedMediaType
from ..api import ready as check_ready
from ..errors import ServiceError
from ..model import Model, NoAnswer, check_finite
from ..rows import Arrays
from .answers import Live, ModelMetadata, Ready, ServerMetadata, TensorMetadata
from .binary import InvalidTensors
from .requests import DATATYPES, InferRequest
from .tensors import JSON_LENGTH, TensorReader, write

SERVER = ServerMetadata(name=__name__.partition(".")[0], version="0.1.0", extensions=["binary_tensor_data"])
CONTENT_TYPES = ("", "application/json", "application/octet-stream")  # tritonclient declares none


class NotServed(ServiceError):
    """The path names another model or version."""

    status = 404


class Tensors:
    """What the endpoints need for one model: its outputs, and what reads its requests."""

    def __init__(self, model: Model, max_rows: int) -> None:
        self.outputs = [output for output in model.outputs if output["dtype"] in DATATYPES]
        self.names = [output["name"] for output in self.outputs]
        self.reader = TensorReader(model, self.names, max_rows)


async def get_tensors(request: Request) -> Tensors:
    """Return the application's `Tensors`."""
    tensors: Tensors = request.app.state.tensors
    return tensors


async def find_model(request: Request, model: TheModel) -> Model:
    """Return the model if the path names it, with its version or without one; else raise `NotServed`."""
    served = model.name, str(model.version)
    name, version = request.path_params["name"], request.path_params.get("version", served[1])
    if (name, version) != served:
        here = f"the model here is {served[0]!r}, version {served[1]}"
        raise NotServed(f"{name[:60]!r}, version {version[:60]!r} is not served: {here}")
    return model


NamedModel = Annotated[Model, Depends(find_model)]
TheTensors = Annotated[Tensors, Depends(get_tensors)]


async def read_request(request: Request, model: NamedModel, tensors: TheTensors) -> tuple[InferRequest, Arrays]:
    """Return the request and its rows. The model is a dependency so that a wrong name is refused first."""
    for encoding in request.headers.getlist("content-encoding"):
        if encoding.lower() not in ("", "identity"):
            raise UnsupportedMediaType(f"content-encoding: must be identity, not {encoding[:60]!r}")
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() not in CONTENT_TYPES:
        wanted = " or ".join(CONTENT_TYPES[1:])
        raise UnsupportedMediaType(f"content-type: must be {wanted}, not {content_type[:60]!r}")
    asked, rows = tensors.reader.read(await request.body(), request.headers.get(JSON_LENGTH))
    request.scope["rows"] = asked.inputs[0].shape[0]  # for logs and metrics
    return asked, rows


async def server() -> Response:
    """The server, and what it speaks beyond the protocol."""
    return _json(SERVER)


async def live() -> Response:
    """The process is alive."""
    return _json(Live())


async def ready(_: Annotated[None, Depends(check_ready)]) -> Response:
    """The model predicts. Each call tries it."""
    return _json(Ready())


async def model_metadata(model: NamedModel, tensors: TheTensors) -> Response:
    """The model: its name, its version, and its tensors from the graph."""
    inputs, outputs = _describe(model.inputs), _describe(tensors.outputs)
    return _json(ModelMetadata(name=model.name, versions=[str(model.version)], inputs=inputs, outputs=outputs))


async def model_ready(model: NamedModel, _: Annotated[None, Depends(check_ready)]) -> Response:
    """This model predicts. Each call tries it."""
    return _json(Ready(name=model.name))


async def infer(
    model: NamedModel,
    tensors: TheTensors,
    request: Annotated[tuple[InferRequest, Arrays], Depends(read_request)],
) -> Response:
    """The requested outputs for each row; as bytes after the JSON if the request asks for bytes."""
    asked, rows = request
    names = [output.name for output in asked.outputs or []] or tensors.names
    outputs = _run(model, names, rows)
    head = {"model_name": model.name, "model_version": str(model.version)}
    content, json_length = write(asked, head | ({} if asked.id is None else {"id": asked.id}), names, outputs)
    if json_length is None:
        return Response(content, media_type="application/json")
    return Response(content, 200, {JSON_LENGTH: str(json_length)}, "application/octet-stream")


def _run(model: Model, names: list[str], rows: Arrays) -> dict[str, NDArray[Any]]:
    """Return the named outputs. `model.output` is always computed too, so that an overflow is always found."""
    wanted = list(dict.fromkeys([model.output, *names]))
    try:
        results = dict(zip(wanted, model.run(wanted, rows), strict=True))
        for name, result in results.items():
            if result.dtype.kind == "f":
                check_finite(name, result)
    except NoAnswer as error:
        raise InvalidTensors(f"row {error.row} of the inputs: {error.why}") from None
    return results


def _describe(tensors: list[dict[str, Any]]) -> list[TensorMetadata]:
    sizes = [[-1 if size is None else size for size in tensor["shape"]] for tensor in tensors]
    return [
        TensorMetadata(name=tensor["name"], datatype=DATATYPES[tensor["dtype"]], shape=shape)
        for tensor, shape in zip(tensors, sizes, strict=True)
    ]


def _json(answer: BaseModel) -> Response:
    return Response(to_json(answer, exclude_none=True), media_type="application/json")
