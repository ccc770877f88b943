"""Digits: a small convolutional network, with a pre-processing step that makes uploads look like its training data."""

import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from . import uploads
from .digit_files import draw_kinds
from .golden import write_golden
from .image_serving import ImageClassifier, prepare_all, save
from .manifest import argument_parser, new_version, require_accuracy, run_build, write_manifest

SIDE = 16
LABELS = [str(digit) for digit in range(10)]
LEAST_ACCURACY = {"plain": 0.985, **{style: 0.95 for style in uploads.STYLES if style != "plain"}}
EPOCHS = 8
BATCH = 64
DRAWINGS = 5  # of each training digit: one as it is, the others in random styles
MEASURED = 120  # held-out digits that are drawn in each style; the plain ones, which cost little, are all measured


def prepare(image: tf.Tensor) -> tf.Tensor:
    """Return image [h, w, 3], 0 to 255, as [16, 16, 1]: strokes bright on 0, cut out, aspect kept, centred.

    The median colour along the border is taken for the paper. A pixel's distance from that colour, relative to the
    largest distance, is its amount of ink. So the digit's colour, inversion, position and size do not matter.
    """
    border = tf.concat([image[0], image[-1], image[:, 0], image[:, -1]], 0)
    paper = tf.sort(border, axis=0)[tf.shape(border)[0] // 2]
    # Channel by channel, because a reduction over an axis of length three takes several times as long.
    channels = zip(tf.unstack(image, axis=-1), tf.unstack(paper), strict=True)
    ink = tf.reduce_max(tf.stack([tf.abs(channel - blank) for channel, blank in channels]), axis=0)
    ink /= tf.maximum(tf.reduce_max(ink), 32.0)  # anything below 32 of 255 is noise on an empty page
    # The threshold is above the artefacts that JPEG leaves around a stroke. An empty page is kept whole.
    stroke = tf.logical_or(ink > 0.35, tf.reduce_max(ink) <= 0.35)
    rows = tf.where(tf.reduce_any(stroke, axis=1))[:, 0]
    columns = tf.where(tf.reduce_any(stroke, axis=0))[:, 0]
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, tf.newaxis]
    height, width = tf.unstack(tf.shape(cut)[:2])
    side = tf.maximum(height, width)
    square = tf.image.pad_to_bounding_box(cut, (side - height) // 2, (side - width) // 2, side, side)
    return tf.image.resize(square, (SIDE, SIDE), antialias=True)


def build_network() -> keras.Sequential:
    """Return the network: float32 [n, 16, 16, 1] to probabilities [n, 10]."""
    return keras.Sequential(
        [
            layers.Input((SIDE, SIDE, 1)),
            layers.Conv2D(16, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", padding="same"),
            layers.Conv2D(48, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(96, activation="relu"),
            layers.Dropout(0.2),
            layers.Dense(len(LABELS), activation="softmax"),
        ]
    )


def train(digits: np.ndarray, classes: np.ndarray) -> keras.Sequential:
    """Fit on digits [n, 8, 8], each drawn in several styles and jittered a little in every epoch."""
    generator = np.random.default_rng(0)
    files = [uploads.draw(digit) for digit in digits]
    files += [uploads.draw(d, uploads.random_style(generator)) for _ in range(DRAWINGS - 1) for d in digits]
    inputs = tf.function(prepare_all)(tf.constant(files), prepare)
    network = build_network()
    jitter = [
        layers.RandomRotation(0.04, seed=1),
        layers.RandomTranslation(0.07, 0.07, seed=2),
        layers.RandomZoom(0.1, seed=3),
    ]
    model = keras.Sequential([layers.Input((SIDE, SIDE, 1)), *jitter, network])
    rate = keras.optimizers.schedules.CosineDecay(3e-3, EPOCHS * len(files) // BATCH)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(inputs, np.tile(classes, DRAWINGS), batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return network


def measure(folder: Path, digits: np.ndarray, classes: np.ndarray) -> dict[str, float]:
    """Return the accuracy of the SavedModel in `folder` on digits [n, 8, 8], by the style in which they are drawn."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_default"]
    accuracy = {}
    for name, style in uploads.STYLES.items():
        count = len(digits) if style == uploads.PLAIN else MEASURED
        labels = serve(tf.constant([uploads.draw(digit, style) for digit in digits[:count]]))["label"].numpy()
        accuracy[name] = float(np.mean(labels == [LABELS[index].encode() for index in classes[:count]]))
    return accuracy


def write_answers(folder: Path, network: keras.Sequential, digits: np.ndarray, classes: np.ndarray) -> None:
    """Write the answers of Keras for one of each digit as the golden answers; no decoder of the SavedModel is used."""
    drawn = [draw_kinds(digits[np.argmax(classes == label)])[label % 4] for label in range(len(LABELS))]
    probabilities = network.predict(tf.stack([prepare(tf.constant(pixels)) for _, pixels in drawn]), verbose=0)
    labels = [LABELS[index] for index in probabilities.argmax(axis=1)]
    outputs = {"label": labels, "probability": probabilities.max(axis=1)}
    write_golden(folder, inputs={"image": [file for file, _ in drawn]}, outputs=outputs, labels=labels)


def build(output: Path) -> dict[str, float]:
    """Train, export, measure and write `output/digits/1`; return the held-out accuracy by style of upload.

    Raises:
        BuildFailed: an accuracy is below `LEAST_ACCURACY`.
    """
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    train_digits, test_digits, train_classes, test_classes = uploads.split()
    network = train(train_digits, train_classes)
    with new_version(output, "digits") as folder:
        classifier = ImageClassifier(network, prepare, LABELS, top=len(LABELS))
        save(classifier, folder, name="digits", warmup=[uploads.draw(d, uploads.UPLOAD) for d in test_digits[:8]])
        write_answers(folder, network, test_digits, test_classes)
        accuracy = measure(folder, test_digits, test_classes)
        require_accuracy(accuracy, LEAST_ACCURACY)
        write_manifest(
            folder,
            name="digits",
            framework="tensorflow",
            task="classification",
            labels=LABELS,
            accuracy=accuracy,
            reproducible="the same bytes on every build on one machine; another kind of CPU sums in another order",
            inputs=classifier.signature_inputs(),
            outputs=classifier.signature_outputs(),
        )
    return accuracy


if __name__ == "__main__":
    arguments = argument_parser(__doc__).parse_args()
    sys.exit(run_build("digits", lambda: build(arguments.output)))
