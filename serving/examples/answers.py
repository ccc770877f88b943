"""The answers of Classify, Regress and MultiInference."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
from tensorflow_serving.apis import classification_pb2, inference_pb2, input_pb2, model_pb2, regression_pb2

from ..json_outputs import to_json
from ..json_parser import parse
from ..model import Model
from ..service import Service, signature_name, spec_of
from .json_examples import input_from, results_to
from .results import fill
from .runs import DEFAULT, infer, run, serialized
from .signatures import CLASSIFY, REGRESS, Method


def add_methods(service: Service) -> None:
    """Add the three methods to a service, two of them over REST too."""
    classify, regress = partial(_one, service, CLASSIFY), partial(_one, service, REGRESS)
    responses = classification_pb2.ClassificationResponse, regression_pb2.RegressionResponse
    service.methods["Classify"] = partial(classify, "Classify", responses[0]), classification_pb2.ClassificationRequest
    service.methods["Regress"] = partial(regress, "Regress", responses[1]), regression_pb2.RegressionRequest
    service.methods["MultiInference"] = partial(_several, service), inference_pb2.MultiInferenceRequest
    service.json_methods["classify"] = partial(_json, service, CLASSIFY, "classify")
    service.json_methods["regress"] = partial(_json, service, REGRESS, "regress")


def _one(service: Service, method: Method, api: str, response: Any, request: Any, timeout: float) -> Any:
    name = request.model_spec.name
    with service.observer.request(service.known(name), api, "GRPC"):
        answer = response()
        with _model(service, spec_of(request), request.input) as (number, model, examples):
            fill(answer.result, run(model, method, request.model_spec.signature_name, examples, timeout))
        _name(answer.model_spec, name, request.model_spec.signature_name, number)
        return answer


def _json(service: Service, method: Method, api: str, spec: model_pb2.ModelSpec, body: bytes, timeout: float) -> bytes:
    with service.observer.request(service.known(spec.name), api, "REST"):
        wanted = parse(body)
        signature, given = signature_name(wanted), input_from(wanted)
        with _model(service, spec, given) as (_, model, examples):
            return to_json({"results": results_to(run(model, method, signature, examples, timeout))})


def _several(service: Service, request: inference_pb2.MultiInferenceRequest, timeout: float) -> Any:
    spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    with service.observer.request(service.known(spec.name), "MultiInference", "GRPC"):
        with _model(service, spec, request.input) as (number, model, _):
            response = infer(model, request, timeout)
        for task, result in zip(request.tasks, response.results, strict=True):
            _name(result.model_spec, spec.name, task.model_spec.signature_name, number)
        return response


@contextmanager
def _model(
    service: Service, spec: model_pb2.ModelSpec, given: input_pb2.Input
) -> Iterator[tuple[int, Model, np.ndarray]]:
    """Keep the version that `spec` asks for loaded; yield its number, the model, and the examples as strings [n]."""
    with service.catalogue.use(spec) as (number, model):
        examples = serialized(given)
        yield number, model, examples
        service.observer.examples(service.known(spec.name), len(examples))


def _name(spec: model_pb2.ModelSpec, name: str, signature: str, number: int) -> None:
    spec.name, spec.signature_name, spec.version.value = name, signature or DEFAULT, number
