"""Compare a SavedModel with its golden answers before it is served."""

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RequestRefused
from ..flags import FlagParser
from .golden import GOLDEN_FILE, REMEDY, GoldenDiffers, compare, read_golden

if TYPE_CHECKING:
    from ..model import Model  # not at run time: it imports TensorFlow, and the flags are checked before that
    from ..server import Server

SECONDS = 600.0
SIGNATURE = "serving_default"
log = logging.getLogger(__name__)


class Golden:
    """The optional part."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add no flags: a version has golden answers or not."""

    def attach(self, server: "Server") -> None:
        """Check every model that is loaded, first of all parts, so that no other part changes the answers."""
        server.kept_files.append(GOLDEN_FILE)
        server.prepare_model.insert(0, check_golden)


def check_golden(model: "Model") -> None:
    """Raise `GoldenDiffers` unless the model gives its golden answers; warn if its manifest has none."""
    if model.artifact is None:  # a model without a manifest, which TensorFlow Serving accepts too
        return
    golden = read_golden(model.artifact)
    if golden is None:
        reason = "has no golden answers: its files were verified, its answers were not (python -m models.package)"
        return log.warning("%s %s", model.artifact.path, reason)
    if SIGNATURE not in model.signatures:
        raise GoldenDiffers(f"{GOLDEN_FILE} is for the signature {SIGNATURE!r}, which the model lacks; {REMEDY}")
    outputs = dict(golden.outputs)
    if golden.labels is not None and "label" in model.signatures[SIGNATURE].outputs:
        outputs.setdefault("label", golden.labels)
    try:
        results = model.run(SIGNATURE, _as_arrays(model, golden.inputs), outputs, SECONDS)
    except (RequestRefused, ValueError, TypeError) as error:
        raise GoldenDiffers(f"the model fails on its golden rows: {error}; {REMEDY}") from error
    for name, expected in outputs.items():
        compare(name, expected, results[name], golden.tolerance)


def _as_arrays(model: "Model", columns: dict[str, list[Any]]) -> dict[str, np.ndarray]:
    """Return the golden inputs in the types of the signature; text becomes bytes."""
    import tensorflow as tf

    known = model.signatures[SIGNATURE].inputs
    arrays = {}
    for name, values in columns.items():
        dtype = tf.as_dtype(known[name].dtype).as_numpy_dtype if name in known else None
        array = np.array(values, dtype)
        if array.dtype == object:
            texts = [each.encode() if isinstance(each, str) else each for each in array.ravel().tolist()]
            array = np.array([*texts, None], object)[:-1].reshape(array.shape)
        arrays[name] = array
    return arrays
