"""Small ONNX graphs that a test puts together, and golden answers for them."""

import json

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

KINDS = {"float32": TensorProto.FLOAT, "float64": TensorProto.DOUBLE, "int64": TensorProto.INT64}
KINDS |= {"float16": TensorProto.FLOAT16, "string": TensorProto.STRING, "bool": TensorProto.BOOL}
ROWS = np.array([[1, 0], [0, 1], [3, 1], [1, 4], [2, 2.5]], np.float32)
WEIGHTS = np.array([[1, -1], [-1, 1]], np.float32)


def softmax(scores):
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


PROBABILITIES = softmax(ROWS @ WEIGHTS)
LABELS = np.array(["left", "right"])[PROBABILITIES.argmax(axis=1)].tolist()


def graph(nodes, outputs, inputs=(("x", "float32", [None, 2]),), **constants):
    """Return a model of `nodes`, each (operator, inputs, outputs, attributes); tensors are (name, dtype, shape)."""
    made = [helper.make_node(kind, take, give, **rest) for kind, take, give, rest in nodes]
    infos = [[helper.make_tensor_value_info(n, KINDS[kind], shape) for n, kind, shape in x] for x in (inputs, outputs)]
    arrays = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    whole = helper.make_graph(made, "small", *infos, arrays)
    return helper.make_model(whole, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


SCORES = ("MatMul", ["x", "w"], ["scores"], {})
SOFTMAX = ("Softmax", ["scores"], ["p"], {})
P = ("p", "float32", [None, 2])


def network(*outputs, **options):
    """Return the network whose answers are PROBABILITIES, as the output `p`."""
    return graph([SCORES, SOFTMAX], outputs or [P], w=WEIGHTS, **options)


def answers(**change):
    """Return the golden answers of the network."""
    return {"inputs": {"x": ROWS.tolist()}, "outputs": {"p": PROBABILITIES.tolist()}, "labels": LABELS} | change


def put(folder, model, golden, **options):
    """Write a model and its golden answers, and return the paths of both."""
    onnx.save_model(model, folder / "net.onnx", **options)
    (folder / "rows.json").write_text(json.dumps(golden))
    return folder / "net.onnx", folder / "rows.json"
