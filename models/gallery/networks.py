"""ONNX files that other programs export: networks, and a classifier of scikit-learn with zipmap on.

The networks are trained with scikit-learn and written as PyTorch's exporter writes them, with the weights in a file
beside the graph, because PyTorch itself takes gigabytes.
"""

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from ..package.answers import Golden
from .example import Trained, onnx_file
from .tabular import FLOWERS, IRIS

ROWS = IRIS.data.astype(np.float32)
KEPT, ASKED = ROWS[::2], ROWS[1::2]


def train_network() -> MLPClassifier:
    """Return a network with one hidden layer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that more iterations would help
        return MLPClassifier((16,), max_iter=400, random_state=0).fit(ROWS, IRIS.target)


def write_network(network: MLPClassifier, outputs: list[str], batch: int | str, path: Path) -> None:
    """Write the network as ONNX, with its weights in a file beside it."""
    arrays = zip(["w0", "w1", "b0", "b1"], [*network.coefs_, *network.intercepts_], strict=True)
    nodes = [("Gemm", ["x", "w0", "b0"], "a"), ("Relu", ["a"], "hidden"), ("Gemm", ["hidden", "w1", "b1"], "logits")]
    nodes += [("Softmax", ["logits"], "probabilities")]
    widths = {"x": 4, "hidden": 16, "logits": 3, "probabilities": 3}
    tensor = {
        name: helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [batch, width])
        for name, width in widths.items()
    }
    graph = helper.make_graph(
        [helper.make_node(kind, take, [give]) for kind, take, give in nodes],
        "main_graph",
        [tensor["x"]],
        [tensor[name] for name in outputs],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in arrays],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save_model(model, path, save_as_external_data=True, location=f"{path.name}.data", size_threshold=0)


def network_example(
    name: str, outputs: list[str], answers_of: str = "probabilities", batch: int | str = "batch"
) -> Trained:
    """Return the network as an example that was exported with the given outputs."""
    network = train_network()
    hidden = np.maximum(KEPT @ network.coefs_[0] + network.intercepts_[0], 0)
    logits = hidden @ network.coefs_[1] + network.intercepts_[1]
    answers = network.predict_proba(KEPT) if answers_of == "probabilities" else logits
    golden = Golden({"x": KEPT}, {answers_of: answers}, [FLOWERS[label] for label in network.predict(KEPT)])
    labels = [FLOWERS[label] for label in network.predict(ASKED)]
    write = partial(write_network, network, outputs, batch)
    return onnx_file(name, write, golden, ASKED, network.predict_proba(ASKED), labels)


def network() -> Trained:
    """Export the probabilities, with the weights in a file of their own."""
    return network_example("network", ["probabilities"])


def network_of_logits() -> Trained:
    """Export the logits, which are no probabilities."""
    return network_example("network-of-logits", ["logits"], "logits")


def network_with_hidden_layer() -> Trained:
    """Export the logits beside the probabilities, so that either could be the answer."""
    return network_example("network-with-hidden-layer", ["logits", "probabilities"])


def network_of_one_row() -> Trained:
    """Export for one row at a time, as PyTorch does without dynamic shapes."""
    return network_example("network-of-one-row", ["probabilities"], batch=1)


def zipmap() -> Trained:
    """Export a classifier of scikit-learn with the converter's defaults."""
    model = LogisticRegression(max_iter=1000).fit(ROWS, IRIS.target)
    names = [FLOWERS[label] for label in model.predict(KEPT)]
    golden = Golden({"X": KEPT}, {"output_probability": model.predict_proba(KEPT)}, names)
    graph = to_onnx(model, KEPT[:1])
    return onnx_file("zipmap", partial(onnx.save_model, graph), golden, ASKED, model.predict_proba(ASKED), names)
