"""The answers of both protocols: Predict, metadata and status, with TensorFlow Serving's error messages."""

from collections.abc import Callable
from typing import Any

import grpc
from tensorflow_serving.apis import model_pb2

from .catalogue import Catalogue
from .errors import RequestRefused, invalid
from .hooks import Answer, Observer
from .json_inputs import inputs_from
from .json_outputs import outputs_to
from .json_parser import parse, quoted
from .messages import get_model_metadata_pb2 as metadata_pb2
from .messages import get_model_status_pb2 as status_pb2
from .messages import predict_pb2


class Service:
    """Answers requests from the versions in a catalogue. Optional folders add methods of the PredictionService."""

    def __init__(self, catalogue: Catalogue, observer: Observer) -> None:
        self.catalogue, self.observer = catalogue, observer
        self.methods: dict[str, tuple[Answer, Any]] = {}  # more gRPC methods, with their request messages
        self.json_methods: dict[str, Callable[[model_pb2.ModelSpec, bytes, float], bytes]] = {
            "predict": self.predict_json
        }

    def predict(self, request: predict_pb2.PredictRequest, timeout: float) -> predict_pb2.PredictResponse:
        """Answer a Predict request within `timeout` seconds. The response names the version that answered."""
        name = request.model_spec.name
        with self.observer.request(self.known(name), "Predict", "GRPC"):
            spec = spec_of(request)
            with self.catalogue.use(spec) as (number, model):
                response = model.predict(request, timeout)
            _set_version(response.model_spec, name, number)
            return response

    def predict_json(self, spec: model_pb2.ModelSpec, body: bytes, timeout: float) -> bytes:
        """Answer a REST predict request within `timeout` seconds."""
        with self.observer.request(self.known(spec.name), "predict", "REST"):
            wanted = parse(body)
            given = signature_name(wanted)
            with self.catalogue.use(spec) as (_, model):
                signature = given or "serving_default"
                if signature not in model.signatures:
                    raise invalid(f'Serving signature name: "{signature}" not found in signature def')
                inputs = inputs_from(wanted, given, model.signatures[signature].inputs)
                return outputs_to(model.run(signature, inputs, (), timeout), by_row="instances" in wanted)

    def metadata(self, request: metadata_pb2.GetModelMetadataRequest) -> metadata_pb2.GetModelMetadataResponse:
        """Return the signatures, the only metadata that TensorFlow Serving has."""
        spec = spec_of(request)
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        response = metadata_pb2.GetModelMetadataResponse()
        with self.catalogue.use(spec) as (number, model):
            signatures = metadata_pb2.SignatureDefMap(signature_def=model.signatures)
            _set_version(response.model_spec, spec.name, number)
        response.metadata["signature_def"].Pack(signatures)
        return response

    def status(self, request: status_pb2.GetModelStatusRequest) -> status_pb2.GetModelStatusResponse:
        """Return the state of every version, highest first, or of one. Labels are ignored, as in TensorFlow Serving."""
        spec = spec_of(request)
        versions = self.catalogue.versions(spec.name)
        wanted = "any versions"
        if spec.HasField("version"):
            number = spec.version.value
            wanted = f"version {number}"
            versions = {number: versions[number]} if number in versions else {}
        if not versions:
            raise RequestRefused(grpc.StatusCode.NOT_FOUND, f"Could not find {wanted} of model {spec.name}")
        response = status_pb2.GetModelStatusResponse()
        for number, version in versions.items():
            status = response.model_version_status.add(version=number, state=version.state).status
            status.SetInParent()
            if version.error:
                status.error_code, status.error_message = version.error.code.value[0], str(version.error)
        return response

    def known(self, name: str) -> str:
        """Return the name as a label for metrics, empty for an unknown model: callers must not create labels."""
        return name if name in self.catalogue.models else ""


def signature_name(request: dict[str, Any]) -> str:
    """Return the signature that a JSON request names, or an empty text."""
    name = request.get("signature_name", "")
    if not isinstance(name, str):
        message = f"JSON Value: {quoted(request)} not formatted correctly. 'signature_name' key must be a string value."
        raise invalid(message)
    return name


def spec_of(request: Any) -> model_pb2.ModelSpec:
    """Return the request's ModelSpec, or raise INVALID_ARGUMENT if it has none."""
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _set_version(spec: model_pb2.ModelSpec, name: str, number: int) -> None:
    spec.name = name
    spec.version.value = number
