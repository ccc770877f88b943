"""The served model: loading it, and telling whether a request means it."""

import logging
from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import model_pb2, prediction_log_pb2

from ..artifact import ArtifactRefused
from ..messages import get_model_metadata_pb2 as metadata_pb2
from ..messages import get_model_status_pb2 as status_pb2
from ..messages import predict_pb2
from .batching_parameters import BatchingParameters
from .errors import RequestRefused, invalid
from .servable import Servable

WARM_UP_SECONDS = 600.0
log = logging.getLogger(__name__)


class ServedModel:
    """One model name and its one loaded version."""

    def __init__(self, name: str, version: int, servable: Servable) -> None:
        self.name = name
        self.version = version
        self._servable = servable

    def find(self, spec: model_pb2.ModelSpec) -> Servable:
        """Return what `spec` asks for, or raise NOT_FOUND or INVALID_ARGUMENT."""
        if not spec.name:
            raise invalid("ModelSpec has no name specified.")
        if spec.version_label:
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        if spec.name == self.name and (not spec.HasField("version") or spec.version.value == self.version):
            return self._servable
        wanted = f"Specific({spec.name}, {spec.version.value})" if spec.HasField("version") else f"Latest({spec.name})"
        raise RequestRefused(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {wanted}")

    def predict(self, request: predict_pb2.PredictRequest, timeout: float) -> predict_pb2.PredictResponse:
        """Answer a Predict request and say which version did."""
        response = self.find(request.model_spec).predict(request, timeout)
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        return response

    def metadata(self, request: metadata_pb2.GetModelMetadataRequest) -> metadata_pb2.GetModelMetadataResponse:
        """Return the signatures, which is all the metadata that TensorFlow Serving knows."""
        if not request.metadata_field:
            raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
        for field in request.metadata_field:
            if field != "signature_def":
                raise invalid(f"Metadata field {field} is not supported")
        signatures = metadata_pb2.SignatureDefMap(signature_def=self.find(request.model_spec).signatures)
        response = metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = self.name
        response.model_spec.version.value = self.version
        response.metadata["signature_def"].Pack(signatures)
        return response

    def status(self, request: status_pb2.GetModelStatusRequest) -> status_pb2.GetModelStatusResponse:
        """Return AVAILABLE: there is no server before the model is loaded and warm."""
        spec = request.model_spec
        if spec.version_label:
            raise invalid(f"Unrecognized servable version label: {spec.version_label}")
        version = spec.version.value if spec.HasField("version") else self.version
        if (spec.name, version) != (self.name, self.version):
            wanted = f"version {version}" if spec.HasField("version") else "any versions"
            raise RequestRefused(grpc.StatusCode.NOT_FOUND, f"Could not find {wanted} of model {spec.name}")
        response = status_pb2.GetModelStatusResponse()
        available = status_pb2.ModelVersionStatus.AVAILABLE
        response.model_version_status.add(version=version, state=available).status.SetInParent()
        return response


def open_model(name: str, version: int, path: Path, batching: BatchingParameters | None = None) -> ServedModel:
    """Load and warm up the SavedModel in `path`.

    Raises:
        ArtifactRefused: it does not load, or does not answer its own warm-up requests.
    """
    try:
        servable = Servable(path, batching)
        warm_up(servable, path / "assets.extra" / "tf_serving_warmup_requests")
    except (OSError, RuntimeError, ValueError, DecodeError, RequestRefused, tf.errors.OpError) as error:
        raise ArtifactRefused(f"{path} cannot be served: {' '.join(str(error).split())[:500]}") from error
    return ServedModel(name, version, servable)


def warm_up(servable: Servable, records: Path) -> None:
    """Replay the recorded Predict requests, so that no caller pays for the first run."""
    if not records.exists():
        return
    for record in tf.data.TFRecordDataset(str(records)).as_numpy_iterator():
        entry = prediction_log_pb2.PredictionLog.FromString(record)
        if entry.HasField("predict_log"):
            servable.predict(entry.predict_log.request, WARM_UP_SECONDS)
    log.info("warmed up with %s", records)
