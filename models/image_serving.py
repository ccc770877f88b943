"""An image classifier as one SavedModel: file bytes in, labels and probabilities out, for TensorFlow Serving.

The graph holds every step between the upload and the answer. So every client sends the file as it is and gets the
same answer.
"""

import textwrap
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from .image_files.decode import decode, inspect
from .manifest import BuildFailed

Prepare = Callable[[tf.Tensor], tf.Tensor]
PARALLEL_IMAGES = 32
SUM_TOLERANCE = 1e-2  # of probabilities that the network computes in 16 bits


def prepare_all(image: tf.Tensor, prepare: Prepare) -> tf.Tensor:
    """Decode and prepare files [n], side by side on all cores; return the network's inputs [n, ...]."""
    return tf.map_fn(
        lambda file: prepare(decode(file)),
        inspect(image),
        fn_output_signature=tf.float32,
        parallel_iterations=PARALLEL_IMAGES,
    )


class ImageClassifier(tf.Module):
    """The served function: raw image files [n] to labels and probabilities, best first."""

    def __init__(self, network: keras.Model, prepare: Prepare, labels: Sequence[str], top: int) -> None:
        """Combine `prepare` (float32 [h, w, 3] to one input) and `network` (inputs to probabilities [n, classes]).

        Raises:
            BuildFailed: `labels` cannot be those of the network's classes, or `top` is not a number of labels.
        """
        super().__init__()
        check_labels(labels, top)
        check_shape(getattr(network, "output_shape", (None, len(labels))), len(labels))  # subclasses do not know theirs
        self.network, self.prepare = network, prepare
        # Keras 3 wraps its variables, and saving restores the wrappers under names that the graph does not read. A
        # server that runs the graph in a session, as TensorFlow Serving does, needs the variables themselves saved.
        self.variables_served = [weight.value for weight in network.weights]
        self.labels, self.top = tf.constant(labels), top

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")], autograph=False)
    def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return label [n], probability [n], labels [n, top] and probabilities [n, top], best first."""
        probabilities, classes = tf.math.top_k(self.probabilities(image), self.top)
        labels = tf.gather(self.labels, classes)
        return {
            "label": labels[:, 0],
            "probability": probabilities[:, 0],
            "labels": labels,
            "probabilities": probabilities,
        }

    def probabilities(self, image: tf.Tensor) -> tf.Tensor:
        """Return the probabilities of all classes, float32 [n, classes], in the order of the network."""
        answer = self.network(prepare_all(image, self.prepare))
        if not tf.is_tensor(answer):
            raise BuildFailed(f"the network answers a {type(answer).__name__}; let it answer its probabilities alone")
        return tf.cast(answer, tf.float32)  # the signature's type, whatever the network's own

    def signature_inputs(self) -> list[dict[str, object]]:
        """Return the served function's inputs as the manifest spells them."""
        return [{"name": "image", "dtype": "string", "shape": [None]}]

    def signature_outputs(self) -> list[dict[str, object]]:
        """Return the served function's outputs as the manifest spells them."""
        shapes = {"label": [None], "probability": [None], "labels": [None, self.top], "probabilities": [None, self.top]}
        return [
            {"name": name, "dtype": "string" if name.startswith("label") else "float32", "shape": shape}
            for name, shape in shapes.items()
        ]


def check_labels(labels: Sequence[str], top: int) -> None:
    """Raise `BuildFailed` unless the labels are different texts, and `top` of them can be answered."""
    if len(labels) < 2 or len(set(labels)) != len(labels) or not all(isinstance(label, str) for label in labels):
        raise BuildFailed(f"the labels must be at least two different texts, not {_short(labels)}")
    if not 1 <= top <= len(labels):
        raise BuildFailed(f"top must be from 1 to {len(labels)}, the number of labels, not {top}")


def check_shape(shape: object, labels: int) -> None:
    """Raise `BuildFailed` unless a network that answers this shape has one output, a number for each label."""
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] != labels:
        answer = f"the network answers {_short(shape)}, but there are {labels} labels"
        raise BuildFailed(f"{answer}; end it with one probability for each label, two instead of a single sigmoid")


def check_probabilities(classifier: ImageClassifier, images: Sequence[bytes]) -> None:
    """Raise `BuildFailed` unless the network answers each of the image files with probabilities that sum to 1."""
    if not images:
        raise BuildFailed("there are no warm-up images; give one at least")
    try:
        rows = tf.function(classifier.probabilities, autograph=False)(tf.constant(list(images))).numpy()
    except tf.errors.OpError as error:
        *_, reason = (line for line in error.message.splitlines() if line and not line.startswith("\t"))
        raise BuildFailed(f"the warm-up images cannot be answered: {reason}") from error
    check_shape(rows.shape, int(classifier.labels.shape[0]))
    in_range, sums = ((rows >= 0) & (rows <= 1)).all(axis=1), rows.sum(axis=1)
    for row in np.flatnonzero(~(in_range & (np.abs(sums - 1) <= SUM_TOLERANCE)))[:1]:
        reason = f"the numbers for warm-up image {row} are from {rows[row].min():.4g} to {rows[row].max():.4g}"
        raise BuildFailed(f"{reason} with the sum {sums[row]:.4g}, not probabilities; end the network with softmax")


def _short(value: object) -> str:
    return textwrap.shorten(str(value), 80)


def save(classifier: ImageClassifier, folder: Path, *, name: str, warmup: Sequence[bytes]) -> None:
    """Write the SavedModel into `folder`, with `warmup` as the requests that a server replays before it is ready.

    Raises:
        BuildFailed: the answers to `warmup` are not probabilities.
    """
    check_probabilities(classifier, warmup)
    tf.saved_model.save(classifier, str(folder), signatures={"serving_default": classifier.serve})
    # The writer draws a random UUID; a name-based one keeps two builds of the same model identical.
    fingerprint = folder / "fingerprint.pb"
    message = FingerprintDef.FromString(fingerprint.read_bytes())
    message.uuid = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}:{message.saved_model_checksum}"))
    fingerprint.write_bytes(message.SerializeToString(deterministic=True))
    extra = folder / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as records:
        for count in (1, len(warmup)):
            request = predict_pb2.PredictRequest(
                model_spec=model_pb2.ModelSpec(name=name, signature_name="serving_default"),
                inputs={"image": tf.make_tensor_proto(list(warmup[:count]))},
            )
            log = prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
            records.write(log.SerializeToString(deterministic=True))
