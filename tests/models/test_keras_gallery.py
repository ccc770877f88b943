"""Each Keras model of the gallery is served by the stand-in for TensorFlow Serving as Keras answers, or refused."""

import json
import sys

import httpx
import keras
import numpy as np
import pandas as pd
import pytest

from local import servers
from local.processes import Program
from models.gallery import keras_models
from models.package.graph import PackagingRefused
from models.package.keras_model import package_keras

SERVED = [keras_models.rows_of_numbers, keras_models.table, keras_models.sentences, keras_models.values]


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """The examples, trained and packaged: (trained, folder of the version) by the name of the model."""
    models = tmp_path_factory.mktemp("models")
    trained = [example() for example in SERVED]
    return {folder.parent.name: (each, folder) for each in trained for folder in [each.package(models)]}


@pytest.fixture(scope="module")
def url(packaged, tmp_path_factory):
    """The REST address of a server of all examples."""
    folder, grpc, rest = tmp_path_factory.mktemp("serving"), servers.free_port(), servers.free_port()
    known = [
        f'config {{ name: "{name}" base_path: "{path.parent}" model_platform: "tensorflow" }}'
        for name, (_, path) in packaged.items()
    ]
    (folder / "models.config").write_text(f"model_config_list {{ {' '.join(known)} }}")
    flags = [f"--port={grpc}", f"--rest_api_port={rest}", f"--model_config_file={folder / 'models.config'}"]
    url = f"http://127.0.0.1:{rest}/v1/models"
    argv = [sys.executable, "-m", "serving", *flags]
    program = Program(
        "serving", argv, lambda: all(servers.answers(f"{url}/{name}") for name in packaged), folder / "log"
    )
    yield program.wait_ready() and url
    program.stop()


@pytest.mark.parametrize("name", ["keras-numbers", "keras-table", "keras-text", "keras-values"])
def test_the_stand_in_server_answers_as_keras(packaged, url, name):
    trained, _ = packaged[name]
    inputs = {key: values.tolist() for key, values in trained.rows.items()}
    answer = httpx.post(f"{url}/{name}:predict", json={"inputs": inputs}, timeout=120)
    np.testing.assert_allclose(answer.json()["outputs"], trained.answers, rtol=1e-4, atol=1e-4)


def test_the_manifest_of_a_keras_model_describes_its_signature(packaged):
    manifest = json.loads((packaged["keras-table"][1] / "manifest.json").read_text())
    assert {each["name"]: each["dtype"] for each in manifest["inputs"]} == {"numbers": "float32", "city": "string"}
    assert (manifest["labels"], "golden.json" in manifest["files"]) == (["stays", "leaves"], True)


@pytest.mark.parametrize("labels", [["a"], ["a", "b", "c", "d", "e"]])
def test_another_number_of_labels_than_of_probabilities_is_refused(labels, tmp_path):
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
    with pytest.raises(PackagingRefused, match="the model answers 3 probabilities, but the labels are"):
        package_keras(network, np.eye(2), "net", labels=labels, models=tmp_path)


def test_a_single_sigmoid_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(PackagingRefused, match="a single column, such as a sigmoid gives; export two columns"):
        keras_models.one_sigmoid().package(tmp_path)
    assert list(tmp_path.iterdir()) == []


def dense(*more):
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax"), *more])


@pytest.mark.parametrize(
    ("network", "rows", "labels", "why"),
    [
        (dense(), np.eye(3), None, "the model fails on the rows; give rows as it takes them"),
        (dense(), {"other": np.eye(2)}, None, "fails on the rows|must be"),
        (dense(), [[1.0], [1.0, 2.0]], None, "the model fails on the rows"),
        (dense(), [np.eye(2), np.eye(2)], None, "."),
        (
            dense(keras.layers.Activation("linear", dtype="bfloat16")),
            np.eye(2),
            None,
            "the output is bfloat16; give the",
        ),
        (dense(), np.eye(2), "abc", "the labels are 'abc'; give a list of texts"),
        (dense(), np.eye(2), [], r"the labels are \[\]; give a list of texts, or None for a regressor"),
        (dense(keras.layers.Reshape((1, 3))), np.eye(2), [*"abc"], "the output of the classifier has the shape"),
    ],
)
def test_what_keras_cannot_answer_is_refused(tmp_path, network, rows, labels, why):
    with pytest.raises(PackagingRefused, match=why):
        package_keras(network, rows, "net", labels=labels, models=tmp_path)


def test_rows_in_a_dataframe_are_packaged(tmp_path):
    assert package_keras(dense(), pd.DataFrame(np.eye(2)), "net", models=tmp_path).name == "1"


def test_labels_in_an_array_and_an_output_with_a_name_are_packaged(tmp_path):
    given = keras.Input((2,))
    network = keras.Model(given, {"p": keras.layers.Dense(2, activation="softmax")(given)})
    folder = package_keras(network, np.eye(2), "net", labels=np.array(["a", "b"]), models=tmp_path)
    assert json.loads((folder / "manifest.json").read_text())["labels"] == ["a", "b"]
