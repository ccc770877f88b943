"""ONNX files that other programs export: networks of PyTorch, and a classifier of scikit-learn with zipmap on."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from ..package.answers import Golden
from ..package.onnx_file import package_onnx
from .example import Trained, onnx_file
from .tabular import FLOWERS, IRIS

PYTORCH = Path(__file__).parent / "pytorch"
ROWS = IRIS.data.astype(np.float32)
KEPT, ASKED = ROWS[::2], ROWS[1::2]


def network_example(name: str) -> Trained:
    """Return as an example a network that `pytorch/export.py` wrote; PyTorch's answers are in the file beside it."""
    answered = json.loads((PYTORCH / f"{name}.json").read_text())
    rows, answers = answered["inputs"]["x"], np.array(list(answered["outputs"].values())[-1])
    outputs = {output: values[::2] for output, values in answered["outputs"].items()}
    golden = Golden({"x": rows[::2]}, outputs, answered["labels"][::2])

    def package(models: Path) -> Path:
        return package_onnx(PYTORCH / f"{name}.onnx", name.replace("_", "-"), golden, models=models)

    return Trained(package, rows[1::2], answers[1::2], answered["labels"][1::2])


def network() -> Trained:
    """Export the probabilities, with the weights in a file of their own."""
    return network_example("network")


def network_of_logits() -> Trained:
    """Export the logits, which are not probabilities."""
    return network_example("network_of_logits")


def network_with_hidden_layer() -> Trained:
    """Export the logits beside the probabilities, so that either could be the answer."""
    return network_example("network_with_hidden_layer")


def network_of_one_row() -> Trained:
    """Export for one row at a time, as PyTorch does without dynamic shapes."""
    return network_example("network_of_one_row")


def zipmap() -> Trained:
    """Export a classifier of scikit-learn with the converter's defaults."""
    model = LogisticRegression(max_iter=1000).fit(ROWS, IRIS.target)
    names = [FLOWERS[label] for label in model.predict(KEPT)]
    golden = Golden({"X": KEPT}, {"output_probability": model.predict_proba(KEPT)}, names)
    graph = to_onnx(model, KEPT[:1])
    return onnx_file("zipmap", partial(onnx.save_model, graph), golden, ASKED, model.predict_proba(ASKED), names)
