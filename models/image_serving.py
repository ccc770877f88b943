"""An image classifier as one SavedModel: file bytes in, labels and probabilities out, for TensorFlow Serving.

The graph holds every step between the upload and the answer. So every client sends the file as it is and gets the
same answer.
"""

import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import tensorflow as tf
from tensorflow.core.protobuf.fingerprint_pb2 import FingerprintDef
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_log_pb2

from .image_files.decode import decode, inspect

Prepare = Callable[[tf.Tensor], tf.Tensor]
PARALLEL_IMAGES = 32


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
        """Combine `prepare` (float32 [h, w, 3] to one input) and `network` (inputs to probabilities [n, classes])."""
        super().__init__()
        self.network, self.prepare = network, prepare
        # Keras 3 wraps its variables, and saving restores the wrappers under names that the graph does not read. A
        # server that runs the graph in a session, as TensorFlow Serving does, needs the variables themselves saved.
        self.variables_served = [weight.value for weight in network.weights]
        self.labels, self.top = tf.constant(labels), top

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image")], autograph=False)
    def serve(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        """Return label [n], probability [n], labels [n, top] and probabilities [n, top], best first."""
        probabilities, classes = tf.math.top_k(self.network(prepare_all(image, self.prepare)), self.top)
        labels = tf.gather(self.labels, classes)
        return {
            "label": labels[:, 0],
            "probability": probabilities[:, 0],
            "labels": labels,
            "probabilities": probabilities,
        }

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


def save(classifier: ImageClassifier, folder: Path, *, name: str, warmup: Sequence[bytes]) -> None:
    """Write the SavedModel into `folder`, with `warmup` as the requests that a server replays before it is ready."""
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
