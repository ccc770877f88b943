"""Run one signature of a model, or several at once, on tf.Example messages."""

from functools import partial
from typing import Any

import grpc
import numpy as np
from tensorflow_serving.apis import inference_pb2, input_pb2

from ..errors import RequestRefused, invalid
from ..hooks import Arrays
from ..model import Model
from .results import fill
from .signatures import CLASSIFY, INPUT, METHODS, REGRESS, Method, Rows

DEFAULT = "serving_default"


def add_replays(model: Model) -> None:
    """Let the model replay recorded requests of the three methods."""
    model.replay["classify_log"] = partial(_replayed, model, CLASSIFY)
    model.replay["regress_log"] = partial(_replayed, model, REGRESS)
    model.replay["multi_inference_log"] = partial(infer, model)


def _replayed(model: Model, method: Method, request: Any, timeout: float) -> Rows:
    return run(model, method, request.model_spec.signature_name, serialized(request.input), timeout)


def serialized(given: input_pb2.Input) -> np.ndarray:
    """Return each example as bytes. The context's bytes come first, and supply the features that an example lacks."""
    kind = given.WhichOneof("kind")
    chosen: Any = getattr(given, kind) if kind else given.example_list
    context = chosen.context.SerializeToString() if kind == "example_list_with_context" else b""
    texts = [context + example.SerializeToString() for example in chosen.examples]
    return np.array([*texts, None], object)[:-1]


def run(model: Model, method: Method, signature: str, examples: np.ndarray, timeout: float) -> Rows:
    """Run one signature, in a batch if the server batches."""
    signature = signature or DEFAULT
    if signature not in model.signatures:
        raise invalid(f"No signature was found with the name: {signature}")
    outputs = method.outputs_of(model.signatures[signature])
    _check_not_empty(examples)
    return method.rows(model.run(signature, {INPUT: examples}, outputs, timeout), len(examples))


def infer(model: Model, request: inference_pb2.MultiInferenceRequest, timeout: float) -> Any:
    """Run the graph once for the outputs of all tasks."""
    signatures, examples = _signatures(model, request), serialized(request.input)
    feeds = {info.inputs[INPUT].name for _, info in signatures}
    _check_not_empty(examples)
    names = {info.outputs[name].name for method, info in signatures for name in method.outputs_of(info)}
    arrays = model.run_tensors(dict.fromkeys(feeds, examples), {name: name for name in names}, timeout)
    response = inference_pb2.MultiInferenceResponse()
    for task, (method, info) in zip(request.tasks, signatures, strict=True):
        own: Arrays = {name: arrays[info.outputs[name].name] for name in method.outputs_of(info)}
        fields = response.results.add()
        classified = METHODS[task.method_name] is CLASSIFY
        result = fields.classification_result if classified else fields.regression_result
        fill(result, method.rows(own, len(examples)))
    return response


def _signatures(model: Model, request: inference_pb2.MultiInferenceRequest) -> list[tuple[Method, Any]]:
    """Return the method and the signature of each task, or raise TensorFlow Serving's error."""
    found: dict[str, tuple[Method, Any]] = {}
    for task in request.tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != request.tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT
        if name in found:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        if name not in model.signatures:
            raise invalid(f"Requested signature not found in model graph: {name}")
        if task.method_name not in METHODS:
            message = f"Unsupported signature method_name: {task.method_name}"
            raise RequestRefused(grpc.StatusCode.UNIMPLEMENTED, message)
        found[name] = METHODS[task.method_name], model.signatures[name]
        METHODS[task.method_name].outputs_of(model.signatures[name])
        if len({info.inputs[INPUT].name for _, info in found.values()}) > 1:
            raise invalid("Input tensor must be the same for all Signatures.")
    return list(found.values())


def _check_not_empty(examples: np.ndarray) -> None:
    if not len(examples):
        raise invalid("Input is empty.")
