"""Load one version: verify its files, open the SavedModel, run its warm-up requests."""

import logging
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

import grpc
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import prediction_log_pb2

from .artifact import ArtifactRefused, open_artifact
from .errors import LoadFailed, RequestRefused, invalid
from .flags import Flags
from .hooks import Observer
from .model import Model

WARM_UP_SECONDS = 600.0
MOST_RECORDS = 1000
log = logging.getLogger(__name__)


def open_model(
    path: Path,
    flags: Flags,
    observer: Observer,
    prepare: Iterable[Callable[[Model], None]] = (),
    keep: Collection[str] = (),
) -> Model:
    """Load, `prepare` and warm up the SavedModel in the version folder `path`. The files must match a manifest, if any.

    Where there is a manifest, `prepare` finds the files named in `keep` in the model's artefact.

    Raises:
        LoadFailed: a file was altered, the SavedModel does not load, or a warm-up request fails.
    """
    try:
        has_manifest = (path / "manifest.json").exists()
        artifact = open_artifact(path.parent, int(path.name), keep) if has_manifest else None
        model = Model(path, flags.saved_model_tags)
        model.artifact = artifact
        observer.loaded(path, "success")
    except Exception as error:  # the files may make TensorFlow raise anything; other models are still served
        observer.loaded(path, "fail")
        raise _failed(path, error) from error
    try:
        for change in prepare:
            change(model)
        begin = time.perf_counter()
        if flags.enable_model_warmup and warm_up(model, path / "assets.extra" / "tf_serving_warmup_requests"):
            observer.warmed_up(path, time.perf_counter() - begin)
    except Exception as error:
        model.close()
        raise _failed(path, error) from error
    return model


def warm_up(model: Model, records: Path) -> int:
    """Replay the recorded requests, so that no caller pays for the first run; return their number."""
    if not records.exists():
        return 0
    count = 0
    for record in tf.data.TFRecordDataset(str(records)).as_numpy_iterator():
        entry = prediction_log_pb2.PredictionLog.FromString(record)
        kind = entry.WhichOneof("log_type")
        if kind and kind not in model.replay:
            message = f"Unsupported log_type for warmup: {kind}"
            raise RequestRefused(grpc.StatusCode.UNIMPLEMENTED, message)
        if kind:
            model.replay[kind](getattr(entry, kind).request, WARM_UP_SECONDS)
        count += 1
        if count > MOST_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {records}")
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
