import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from local.processes import ROOT
from models.inception_v3 import distinct_labels

pytestmark = pytest.mark.timeout(900)  # a build takes half a minute of CPU time, and more on a busy machine


def build(output, weights, **environment):
    argv = [sys.executable, "-m", "models.inception_v3", "--weights", weights, "--output", str(output)]
    return subprocess.run(argv, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def random_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inception")
    built = build(folder, "random")
    assert built.returncode == 0, built.stderr
    return folder / "inception_v3" / "1"


@pytest.mark.exhaustive
def test_the_manifest_says_that_the_weights_are_random(random_model):
    manifest = json.loads((random_model / "manifest.json").read_text())
    assert manifest["weights"] == "random"
    assert len(manifest["labels"]) == 1000


@pytest.mark.exhaustive
def test_a_photograph_gets_the_ten_best_of_a_thousand_labels(random_model, photographs):
    serve = tf.saved_model.load(str(random_model)).signatures["serving_default"]
    answer = serve(image=tf.constant(photographs))
    assert answer["labels"].shape == (2, 10)
    assert (np.diff(answer["probabilities"].numpy()) <= 0).all()


def test_classes_of_one_name_get_different_labels():
    classes = [("crane", "n02012849"), ("limpkin", "n02013706"), ("crane", "n03126707")]
    assert distinct_labels(classes) == ["crane_n02012849", "limpkin", "crane_n03126707"]


@pytest.mark.exhaustive
def test_without_a_network_imagenet_fails_with_one_clear_line(tmp_path):
    nowhere = {"https_proxy": "http://127.0.0.1:9", "KERAS_HOME": str(tmp_path / "keras")}
    built = build(tmp_path / "models", "imagenet", **nowhere)
    assert built.returncode == 1
    assert "the ImageNet weights cannot be downloaded" in built.stderr.splitlines()[-1]
    assert "Traceback" not in built.stderr
    assert not (tmp_path / "models").exists()
