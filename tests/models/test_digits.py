import base64
import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from local.processes import ROOT
from models import digits, uploads


@pytest.fixture(scope="module")
def serve(artifacts):
    signature = tf.saved_model.load(str(artifacts / "digits" / "1")).signatures["serving_default"]
    return lambda *files: {name: value.numpy() for name, value in signature(image=tf.constant(files)).items()}


def saved_as(data, kind, mode):
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).convert(mode).save(file, kind)
    return file.getvalue()


def test_the_required_accuracies_are_those_in_the_readme():
    assert digits.LEAST_ACCURACY["plain"] == 0.985
    assert {least for style, least in digits.LEAST_ACCURACY.items() if style != "plain"} == {0.95}


@pytest.mark.exhaustive
def test_some_held_out_digits_are_recognised_in_every_style_of_upload(artifacts):
    _, held_out, _, classes = uploads.split()
    measured = digits.measure(artifacts / "digits" / "1", held_out[:60], classes[:60])
    assert min(measured.values()) >= 0.95


@pytest.mark.exhaustive
def test_the_held_out_digits_are_recognised_as_the_manifest_says(artifacts):
    _, held_out, _, classes = uploads.split()
    measured = digits.measure(artifacts / "digits" / "1", held_out, classes)
    digits.require_accuracy(measured, digits.LEAST_ACCURACY)
    assert measured == json.loads((artifacts / "digits" / "1" / "manifest.json").read_text())["accuracy"]


def test_training_and_held_out_digits_do_not_overlap():
    train, held_out, _, _ = uploads.split()
    assert len(train) + len(held_out) == 1797
    assert not {digit.tobytes() for digit in train} & {digit.tobytes() for digit in held_out}


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "L"), ("PNG", "LA"), ("PNG", "RGB"), ("PNG", "RGBA"), ("GIF", "L"), ("BMP", "RGB"), ("JPEG", "L")],
)
def test_every_format_gets_the_same_answer_as_the_original_png(serve, digit_images, kind, mode):
    original = next(image.data for image in digit_images if image.name.endswith("png") and len(image.data) > 5000)
    same, other = serve(original, saved_as(original, kind, mode))["label"]
    assert same == other


def test_the_saved_model_gives_the_answers_of_keras_for_files_that_are_easily_read_wrong(serve, artifacts):
    golden = json.loads((artifacts / "digits" / "1" / "golden.json").read_text())
    files = [base64.b64decode(file["b64"]) for file in golden["inputs"]["image"]]
    assert {data[:2] for data in files} == {b"\x89P", b"BM", b"GI"}
    answer = serve(*files)
    assert [label.decode() for label in answer["label"]] == golden["labels"] == golden["outputs"]["label"]
    np.testing.assert_allclose(answer["probability"], golden["outputs"]["probability"], golden["tolerance"])


def test_a_transparent_background_counts_as_white(serve):
    strength = Image.open(io.BytesIO(uploads.draw(uploads.split()[1][0], uploads.ENLARGED))).convert("L")
    ink = Image.new("RGBA", strength.size, "black")
    ink.putalpha(strength)
    file = io.BytesIO()
    ink.save(file, "PNG")
    assert serve(file.getvalue())["label"][0].decode() == str(uploads.split()[3][0])


def test_an_image_gets_the_same_answer_in_a_batch_as_alone(serve, digit_images, photographs):
    files = [image.data for image in digit_images[:16]] + photographs
    together = serve(*files)
    for position, data in enumerate(files):
        alone = serve(data)
        assert alone["labels"][0].tolist() == together["labels"][position].tolist()
        np.testing.assert_allclose(alone["probabilities"][0], together["probabilities"][position], atol=1e-6)


def test_probabilities_are_sorted_best_first_and_sum_to_one(serve, photographs):
    answer = serve(*photographs)
    assert (np.diff(answer["probabilities"]) <= 0).all()
    np.testing.assert_allclose(answer["probabilities"].sum(axis=1), 1, atol=1e-5)
    assert answer["label"].tolist() == answer["labels"][:, 0].tolist()


def test_a_blank_image_gets_a_finite_probability(serve):
    for size in ((1, 1), (300, 200), (2000, 3)):
        file = io.BytesIO()
        Image.new("RGB", size, "white").save(file, "PNG")
        assert np.isfinite(serve(file.getvalue())["probability"]).all()


def test_the_graph_refuses_bytes_that_are_not_an_image(serve):
    with pytest.raises(tf.errors.InvalidArgumentError):
        serve(b"no image")


def test_a_server_that_runs_the_graph_in_a_session_finds_every_variable(artifacts, serve, digit_images):
    """TensorFlow Serving runs a session. `tf.saved_model.load` alone does not reveal variables saved without a name."""
    data = digit_images[0].data
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        loaded = tf.compat.v1.saved_model.load(session, ["serve"], str(artifacts / "digits" / "1"))
        signature = loaded.signature_def["serving_default"]
        feed = {signature.inputs["image"].name: [data]}
        (probabilities,) = session.run([signature.outputs["probabilities"].name], feed)
    np.testing.assert_allclose(probabilities, serve(data)["probabilities"], atol=1e-6)


@pytest.mark.exhaustive
@pytest.mark.timeout(900)
def test_every_build_writes_the_same_bytes(artifacts, tmp_path):
    subprocess.run([sys.executable, "-m", "models.digits", "--output", tmp_path], cwd=ROOT, check=True)
    manifests = [(folder / "digits" / "1" / "manifest.json").read_text() for folder in (tmp_path, artifacts)]
    assert manifests[0] == manifests[1]
