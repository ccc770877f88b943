"""InceptionV3 behind the same served function as the digits: photographs in, ImageNet classes out."""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras.applications import inception_v3

from .image_serving import ImageClassifier, save
from .manifest import BuildFailed, argument_parser, new_version, run_build, write_manifest

SIDE = 299
CLASSES = 1000
TOP = 10


def prepare(image: tf.Tensor) -> tf.Tensor:
    """Return image [h, w, 3], 0 to 255, as the network's input [299, 299, 3], -1 to 1."""
    return tf.image.resize(image, (SIDE, SIDE), antialias=True) / 127.5 - 1


def load_network(weights: str) -> tuple[keras.Model, list[str]]:
    """Return the network and its 1,000 labels, for `weights` "imagenet" (downloaded once by Keras) or "random".

    Raises:
        BuildFailed: the weights or the class names cannot be downloaded.
    """
    if weights == "random":
        keras.utils.set_random_seed(0)
        return inception_v3.InceptionV3(weights=None), [f"random_{index:03}" for index in range(CLASSES)]
    try:
        network = inception_v3.InceptionV3(weights="imagenet")
        names = inception_v3.decode_predictions(np.eye(CLASSES, dtype=np.float32), top=1)
    except Exception as error:  # Keras raises nothing narrower for a failed download
        reason = str(error).splitlines()[0]
        raise BuildFailed(
            f"the ImageNet weights cannot be downloaded ({reason}); `--weights random` needs none"
        ) from error
    return network, distinct_labels([(name, identity) for ((identity, name, _),) in names])


def distinct_labels(classes: Sequence[tuple[str, str]]) -> list[str]:
    """Return the names of classes (name, identity); a name that two classes share, like "crane", gets the identity."""
    shared = Counter(name for name, _ in classes)
    return [f"{name}_{identity}" if shared[name] > 1 else name for name, identity in classes]


def build(output: Path, weights: str) -> dict[str, float]:
    """Write `output/inception_v3/1`; no accuracy is measured, and the manifest names the weights instead."""
    network, labels = load_network(weights)
    with new_version(output, "inception_v3") as folder:
        classifier = ImageClassifier(network, prepare, labels, TOP)
        page = tf.io.encode_jpeg(tf.fill([SIDE, SIDE, 3], tf.constant(255, tf.uint8))).numpy()
        save(classifier, folder, name="inception_v3", warmup=[page] * 8)
        write_manifest(
            folder,
            name="inception_v3",
            framework="tensorflow",
            labels=labels,
            weights=weights,
            accuracy={},
            reproducible="the same bytes on every build on one machine",
            inputs=classifier.signature_inputs(),
            outputs=classifier.signature_outputs(),
        )
    return {}


if __name__ == "__main__":
    parser = argument_parser(__doc__)
    parser.add_argument("--weights", choices=("imagenet", "random"), required=True, help="random: to measure speed")
    arguments = parser.parse_args()
    sys.exit(run_build("inception_v3", lambda: build(arguments.output, arguments.weights)))
