"""Loading one version: check it against its manifest, open it, warm it up."""

import logging
import time
from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from .artifact import ArtifactRefused, open_artifact
from .batching_parameters import BatchingParameters
from .errors import RequestRefused
from .monitoring import Metrics
from .servable import Servable

WARM_UP_SECONDS = 600.0
log = logging.getLogger(__name__)


class LoadFailed(Exception):
    """A version that cannot be served; `code` and the message are what GetModelStatus tells."""

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code


def open_model(path: Path, metrics: Metrics, batching: BatchingParameters | None = None) -> Servable:
    """Load and warm up the SavedModel in the version folder `path`; one with a manifest must match it.

    Raises:
        LoadFailed: it is not what was built, does not load, or does not answer its own warm-up requests.
    """
    try:
        if (path / "manifest.json").exists():
            open_artifact(path.parent, int(path.name))
        servable = Servable(path, batching)
        metrics.loaded(path, "success")
    except Exception as error:  # whatever the files make TensorFlow raise, other models are served
        metrics.loaded(path, "fail")
        raise _failed(path, error) from error
    try:
        begin = time.perf_counter()
        if warm_up(servable, path / "assets.extra" / "tf_serving_warmup_requests"):
            metrics.warmed_up(path, time.perf_counter() - begin)
    except Exception as error:
        servable.close()
        raise _failed(path, error) from error
    return servable


def warm_up(servable: Servable, records: Path) -> int:
    """Replay the recorded Predict requests, so that no caller pays for the first run; return how many there are."""
    if not records.exists():
        return 0
    count = 0
    for record in tf.data.TFRecordDataset(str(records)).as_numpy_iterator():
        entry = prediction_log_pb2.PredictionLog.FromString(record)
        if entry.HasField("predict_log"):
            servable.predict(entry.predict_log.request, WARM_UP_SECONDS)
            count += 1
    log.info("warmed up with the %d requests in %s", count, records)
    return count


def _failed(path: Path, error: Exception) -> LoadFailed:
    code = grpc.StatusCode.UNKNOWN
    if isinstance(error, RequestRefused):
        code = error.code
    elif isinstance(error, tf.errors.OpError):
        code = next(code for code in grpc.StatusCode if code.value[0] == error.error_code)
    elif not (path / "saved_model.pb").exists():
        code = grpc.StatusCode.NOT_FOUND
    elif isinstance(error, ArtifactRefused | OSError | DecodeError):
        code = grpc.StatusCode.DATA_LOSS
    return LoadFailed(code, f"{path} cannot be served: {' '.join(str(error).split())[:500]}")
