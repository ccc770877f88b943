"""A network that takes images is served with the labels and probabilities of Keras, or refused in one line."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from models.image_serving import ImageClassifier, save
from models.manifest import BuildFailed

from .image_samples import PICTURE, saved

LABELS = ["left", "middle", "right"]
FILE = saved(PICTURE, "PNG")


def prepare(image):
    return tf.image.resize(image, (8, 8)) / 255


def network(activation="softmax", classes=3, dtype=None):
    keras.utils.set_random_seed(0)
    dense = layers.Dense(classes, activation, dtype=dtype)
    return keras.Sequential([layers.Input((8, 8, 3)), layers.Flatten(), dense])


class OwnClass(keras.Model):
    """A network that does not know its output's shape."""

    def __init__(self, answer):
        super().__init__()
        self.inner, self.answer = network(), answer

    def call(self, inputs):
        return self.answer(self.inner(inputs))


def own_class(answer):
    model = OwnClass(answer)
    model(np.zeros((1, 8, 8, 3), np.float32))
    return model


def answers(folder, model, labels=LABELS, top=2, warmup=(FILE,)):
    """Save the network, and return what is served for one file."""
    save(ImageClassifier(model, prepare, labels, top), folder / "1", name="own", warmup=warmup)
    return tf.saved_model.load(str(folder / "1")).signatures["serving_default"](image=tf.constant([FILE]))


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_the_answers_are_those_of_keras_and_of_the_type_in_the_signature(tmp_path, dtype):
    model = network(dtype=dtype)
    served = answers(tmp_path, model, top=3)
    expected = np.asarray(model.predict(prepare(np.asarray(PICTURE))[np.newaxis], verbose=0), np.float32)[0]
    assert served["probabilities"].dtype == served["probability"].dtype == tf.float32
    np.testing.assert_allclose(
        served["probabilities"][0], np.sort(expected)[::-1], rtol=1e-5 if "32" in dtype else 0.02
    )
    assert served["label"].numpy().tolist() == [LABELS[expected.argmax()].encode()]


def test_a_network_of_a_class_of_its_own_is_served(tmp_path):
    model = own_class(tf.identity)
    best = np.argmax(model.predict(prepare(np.asarray(PICTURE))[np.newaxis], verbose=0))
    assert answers(tmp_path, model)["label"].numpy().tolist() == [LABELS[best].encode()]


REFUSED = {
    "a single sigmoid": (lambda: network("sigmoid", 1), LABELS[:2], r"answers \(None, 1\), but there are 2 labels"),
    "too many labels": (network, [*LABELS, "other"], r"answers \(None, 3\), but there are 4 labels; end it with one"),
    "too few labels": (network, LABELS[:2], r"answers \(None, 3\), but there are 2 labels"),
    "one label": (lambda: network(classes=1), ["a"], "the labels must be at least two different texts"),
    "equal labels": (network, ["a", "b", "a"], "the labels must be at least two different texts"),
    "labels that are numbers": (network, [0, 1, 2], "the labels must be at least two different texts"),
    "logits": (lambda: network(None), LABELS, "not probabilities; end the network with softmax"),
    "not a number": (lambda: own_class(lambda rows: rows * np.nan), LABELS, "end the network with softmax"),
    "its own class, too few labels": (lambda: own_class(tf.identity), LABELS[:2], r"answers \(1, 3\), but there are 2"),
    "its own class, two outputs": (lambda: own_class(lambda rows: [rows, rows]), LABELS, "the network answers a list"),
}


@pytest.mark.parametrize(("model", "labels", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_network_that_does_not_answer_the_probabilities_of_its_labels_is_refused(tmp_path, model, labels, reason):
    with pytest.raises(BuildFailed, match=reason) as refused:
        answers(tmp_path, model(), labels)
    assert len(str(refused.value).splitlines()) == 1
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("top", [0, 4])
def test_more_labels_than_there_are_cannot_be_asked_for(tmp_path, top):
    with pytest.raises(BuildFailed, match=f"top must be from 1 to 3, the number of labels, not {top}"):
        answers(tmp_path, network(), top=top)


def test_warmup_images_that_cannot_be_replayed_are_refused(tmp_path):
    with pytest.raises(BuildFailed, match="there are no warm-up images; give one at least"):
        answers(tmp_path, network(), warmup=[])
    with pytest.raises(BuildFailed, match=r"the warm-up images cannot be answered: .*must be a JPEG, PNG, GIF or BMP"):
        answers(tmp_path, network(), warmup=[FILE, b"text"])
