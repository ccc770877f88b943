"""`python -m models.package` writes a complete version, or refuses the model in one line that says what to do."""

import json
import subprocess
import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from local.processes import ROOT
from models.package.__main__ import main
from models.package.answers import read_golden

from .graphs import LABELS, PROBABILITIES, ROWS, SCORES, SOFTMAX, WEIGHTS, P, answers, graph, network, put, softmax


@pytest.fixture
def package(tmp_path, capsys):
    """Package a model; return the folder of the version, or the line on stderr."""

    def package(model, golden=None, *flags, name="net", **options):
        graph, rows = put(tmp_path, model, golden or answers(), **options)
        code = main([str(graph), "--name", name, "--golden", str(rows), "--models", str(tmp_path / "models"), *flags])
        said = capsys.readouterr()
        if code:
            assert said.err.count("\n") == 1
            assert [*tmp_path.glob("models/*")] == []
            return said.err
        return sorted((tmp_path / "models" / name).iterdir())[-1]

    return package


def read(folder, name="manifest.json"):
    return json.loads((folder / name).read_text())


def test_the_command_writes_a_version_and_says_where(tmp_path):
    graph, rows = put(tmp_path, network(), answers())
    command = [sys.executable, "-m", "models.package", graph, "--name", "net", "--golden", rows, "--models", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=280)
    assert done.stdout == f"net: packaged in {tmp_path / 'net' / '1'}\n"
    assert {path.name for path in (tmp_path / "net" / "1").iterdir()} == {"model.onnx", "manifest.json", "golden.json"}


def test_the_manifest_describes_the_graph_and_its_labels(package):
    manifest = read(package(network()))
    assert manifest["task"] == "classification"
    assert (manifest["output"], manifest["label_output"], manifest["labels"]) == ("p", None, ["left", "right"])
    assert manifest["inputs"] == [{"name": "x", "dtype": "float32", "shape": [None, 2]}]
    assert (manifest["sample"], set(manifest["files"])) == ([1.0, 0.0], {"golden.json", "model.onnx"})


def test_each_packaging_is_the_next_version(package):
    assert [package(network()).name for _ in range(3)] == ["1", "2", "3"]


def test_the_kept_rows_show_every_label_and_a_missing_value(package):
    rows = np.tile([[2.0, 1.0]], (1000, 1))
    rows[137], rows[888, 1] = [1, 2], np.nan
    filled = np.nan_to_num(rows)
    given = {"x": [[None if value != value else value for value in row] for row in rows.tolist()]}
    probabilities = softmax(filled @ WEIGHTS)
    labels = np.array(["left", "right"])[probabilities.argmax(axis=1)].tolist()
    nodes = [("IsNaN", ["x"], ["nan"], {}), ("Where", ["nan", "zero", "x"], ["known"], {})]
    model = graph([*nodes, ("MatMul", ["known", "w"], ["scores"], {}), SOFTMAX], [P], w=WEIGHTS, zero=np.float32(0))
    folder = package(model, answers(inputs=given, outputs={"p": probabilities.tolist()}, labels=labels))
    golden = read(folder, "golden.json")
    assert len(golden["labels"]) == 16
    assert set(golden["labels"]) == {"left", "right"}
    assert [2.0, None] in golden["inputs"]["x"]
    assert read(folder)["inputs"][0]["missing"] is True


def test_weights_beside_the_graph_are_packaged_with_it(package, tmp_path):
    beside = {"save_as_external_data": True, "location": "net.onnx.data", "size_threshold": 0}
    assert "net.onnx.data" in read(package(network(), **beside))["files"]
    (tmp_path / "net.onnx.data").unlink()
    model = onnx.load(tmp_path / "net.onnx", load_external_data=False)
    (tmp_path / "models").rename(tmp_path / "earlier")
    assert "keeps weights in 'net.onnx.data'; put this file beside" in package(model)


def test_a_regression_is_packaged_with_values(package):
    golden = {"inputs": {"x": ROWS.tolist()}, "outputs": {"scores": (ROWS @ WEIGHTS).tolist()}}
    manifest = read(package(graph([SCORES], [("scores", "float32", [None, 2])], w=WEIGHTS), golden))
    assert manifest["task"] == "regression"
    assert "labels" not in manifest


def test_the_labels_of_numbered_classes_come_from_the_golden_rows(package):
    nodes = [SCORES, SOFTMAX, ("ArgMax", ["p"], ["place"], {"axis": 1, "keepdims": 0})]
    nodes += [("Gather", ["numbers", "place"], ["class"], {})]
    model = graph(nodes, [("class", "int64", [None]), P], w=WEIGHTS, numbers=np.array([7, 3]))
    manifest = read(package(model, answers()))
    assert (manifest["label_output"], manifest["classes"]) == ("class", [7, 3])
    assert manifest["labels"] == ["left", "right"]


def one_label():
    left = [row for row, label in enumerate(LABELS) if label == "left"]
    outputs = {"p": PROBABILITIES[left].tolist()}
    return answers(inputs={"x": ROWS[left].tolist()}, outputs=outputs, labels=["left"] * len(left))


def test_labels_that_the_golden_rows_do_not_show_must_be_named(package):
    assert "the golden rows do not show every label; name all, in the order" in package(network(), one_label())
    assert read(package(network(), one_label(), "--labels", "left,right"))["labels"] == ["left", "right"]


SIGMOID = [("MatMul", ["x", "w"], ["scores"], {}), ("Sigmoid", ["scores"], ["p"], {})]
CENTRED = [("ReduceMean", ["x", "rows"], ["mean"], {}), ("Sub", ["x", "mean"], ["y"], {})]
HIDDEN = ("scores", "float32", [None, 2])
HALVES = [SCORES, ("Softmax", ["scores"], ["q"], {}), ("Cast", ["q"], ["p"], {"to": TensorProto.FLOAT16})]
REFUSED = {
    "several outputs": (network(P, HIDDEN), {}, "several outputs can be the answer: p, scores; name one (--output)"),
    "raw scores": (
        graph([SCORES], [HIDDEN], w=WEIGHTS),
        {"outputs": {"scores": (ROWS @ WEIGHTS).tolist()}},
        "no probabilities that sum to 1, but 1, -1 (raw scores?); train it with probabilities (CalibratedClassifierCV)",
    ),
    "several labels": (
        graph(SIGMOID, [P], w=np.abs(WEIGHTS)),
        {"outputs": {"p": (1 / (1 + np.exp(-ROWS @ np.abs(WEIGHTS)))).tolist()}},
        "package one model for each label",
    ),
    "one sigmoid": (
        graph(SIGMOID, [("p", "float32", [None, 1])], w=WEIGHTS[:, :1]),
        {"outputs": {"p": PROBABILITIES[:, :1].tolist()}},
        "a single column, such as a sigmoid gives; export two columns, 1 - p and p",
    ),
    "fixed batch": (
        network(inputs=[("x", "float32", [1, 2])]),
        {},
        "input 'x' has a fixed batch size, the shape [1, 2]; export it with a free first dimension",
    ),
    "fixed batch inside": (
        graph([("Reshape", ["x", "shape"], ["y"], {}), ("Softmax", ["y"], ["p"], {})], [P], shape=np.array([1, 2])),
        {},
        "the graph answers one row, but not all together (a fixed batch size?)",
    ),
    "one row": (
        network(),
        {"inputs": {"x": [[1, 0]]}, "outputs": {"p": [[0.9, 0.1]]}, "labels": ["left"]},
        "too few golden rows: give at least 2",
    ),
    "rows and answers": (network(), {"labels": LABELS[1:]}, "with an answer of the trainer for each of them"),
    "no labels": (network(), {"labels": None}, "the golden rows have no `labels`"),
    "other inputs": (network(), {"inputs": {"y": ROWS.tolist()}}, "the golden inputs must be ['x'], the graph's own"),
    "other outputs": (
        network(),
        {"outputs": {"q": [1] * 5}},
        "the golden outputs must be of ['p'], and 'p' among them",
    ),
    "text for numbers": (network(), {"inputs": {"x": [["a", "b"]] * 5}}, "golden input 'x' is float32, but holds 'a'"),
    "infinity": (network(), {"inputs": {"x": [[np.inf, 0], *ROWS[1:].tolist()]}}, "holds infinity, or a number beyond"),
    "beyond the type": (network(), {"inputs": {"x": [[1e39, 0], *ROWS[1:].tolist()]}}, "or a number beyond float32;"),
    "text for answers": (network(), {"outputs": {"p": [["a", "b"]] * 5}, "labels": LABELS}, "'p' are not numbers"),
    "a label that is missing": (network(), {"labels": [None, *LABELS[1:]]}, "a list of texts or numbers"),
    "one text for labels": (network(), {"labels": "lrlrl"}, "labels must be a list of texts or numbers"),
    "half precision": (
        graph(HALVES, [("p", "float16", [None, 2])], w=WEIGHTS),
        {},
        "no output holds probabilities [rows, labels] as float32 or float64; export one that does",
    ),
    "other answers": (
        network(),
        {"outputs": {"p": PROBABILITIES[::-1].tolist()}},
        "golden row 0, p[0]: the trainer answers 0.268941, the graph 0.880797; export the model again (PyTorch: after",
    ),
    "swapped labels": (
        network(),
        {"labels": ["left", *LABELS[1:-1], "left"]},
        "golden row 4: the trainer's label is 'left', but the probability of 'right' is highest; name the labels in",
    ),
    "rows that lean on each other": (
        graph([*CENTRED, ("Softmax", ["y"], ["p"], {})], [P], rows=np.array([0])),
        {"outputs": {"p": softmax(ROWS - ROWS.mean(axis=0)).tolist()}},
        "is answered differently when it is asked alone; export it for inference (PyTorch: after model.eval())",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_cannot_be_served_right_is_refused(package, kind):
    model, change, reason = REFUSED[kind]
    flags = [] if change.get("labels", "") is not None else ["--task", "classification"]
    golden = answers(**change)
    best = np.array(next(iter(golden["outputs"].values())))
    if "outputs" in change and "labels" not in change and best.ndim == 2 and best.shape[1] == 2:
        golden["labels"] = np.array(["left", "right"])[best.argmax(axis=1)].tolist()
    assert reason in package(model, golden, *flags)


def test_a_name_that_is_no_part_of_an_address_is_refused(package):
    for name in ("shop/churn", "", "-x", "..", "é"):
        assert "is not a valid name; use letters, digits" in package(network(), None, f"--name={name}")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, capsys):
    graph, rows = put(tmp_path, network(), answers())
    assert main([str(graph), "--name", "net", "--golden", str(rows), "--models", str(rows)]) == 1
    assert capsys.readouterr().err == f"net: [Errno 17] File exists: '{rows}'\n"


def test_a_file_that_is_not_onnx_is_refused(tmp_path, capsys):
    (tmp_path / "net.onnx").write_bytes(b"PK\x03\x04")
    (tmp_path / "rows.json").write_text(json.dumps(answers()))
    flags = ["--name", "net", "--models", str(tmp_path / "models"), "--golden"]
    assert main([str(tmp_path / "net.onnx"), *flags, str(tmp_path / "rows.json")]) == 1
    assert "is not an ONNX file that can be read" in capsys.readouterr().err
    assert main([str(tmp_path / "net.onnx"), *flags, str(tmp_path / "net.onnx")]) == 1
    assert 'must hold {"inputs": {name: [...]}' in capsys.readouterr().err


def test_an_empty_list_of_labels_is_none(tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(answers(labels=[])))
    assert read_golden(tmp_path / "rows.json").labels is None


def test_texts_without_columns_are_packaged(package):
    cast = ("Cast", ["x"], ["y"], {"to": TensorProto.FLOAT})
    model = graph([cast], [("y", "float32", [None])], [("x", "string", [None])])
    folder = package(model, {"inputs": {"x": ["1.5", "2"]}, "outputs": {"y": [1.5, 2]}})
    assert read(folder)["inputs"][0]["shape"] == [None]
