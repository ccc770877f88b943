"""Iris: a support vector classifier with calibrated probabilities, written as ONNX."""

import sys
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from .golden import write_golden
from .manifest import argument_parser, new_version, require_accuracy, run_build, write_manifest

LEAST_ACCURACY = {"held_out": 0.95}
GOLDEN_ROWS = 12


def held_out() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return rows [120, 4] and [30, 4] float32 and classes [120] and [30]: training, then held out."""
    iris = load_iris()
    rows = iris.data.astype(np.float32)
    return tuple(train_test_split(rows, iris.target, test_size=0.2, stratify=iris.target, random_state=0))


def train(rows: np.ndarray, classes: np.ndarray) -> Pipeline:
    """Fit on rows [n, 4]; `predict_proba` gives calibrated probabilities [n, 3]."""
    classifier = CalibratedClassifierCV(SVC(C=1.0, gamma="scale", random_state=0), cv=5, ensemble=False)
    return make_pipeline(StandardScaler(), classifier).fit(rows, classes)


def export(model: Pipeline, path: Path) -> None:
    """Write ONNX: `float_input` float32 [n, 4] in, `label` int64 [n] and `probabilities` float32 [n, 3] out."""
    with warnings.catch_warnings():
        # The converter reads the SVC's own probabilities, which scikit-learn is removing. This model does not use them.
        warnings.filterwarnings("ignore", message="Attribute `prob[AB]_` was deprecated", category=FutureWarning)
        graph = to_onnx(
            model,
            initial_types=[("float_input", FloatTensorType([None, 4]))],
            options={id(model): {"zipmap": False}},
            name="iris",
        )
    # The converter's order of domains varies from build to build.
    domains = sorted(graph.opset_import, key=lambda opset: opset.domain)
    del graph.opset_import[:]
    graph.opset_import.extend(domains)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def describe(values: list[onnxruntime.NodeArg]) -> list[dict[str, object]]:
    """Return name, dtype and shape of a session's inputs or outputs, as the manifest spells them."""
    dtypes = {"tensor(float)": "float32", "tensor(int64)": "int64"}
    return [
        {"name": v.name, "dtype": dtypes[v.type], "shape": [d if isinstance(d, int) else None for d in v.shape]}
        for v in values
    ]


def write_answers(folder: Path, model: Pipeline, rows: np.ndarray) -> None:
    """Write the answers of scikit-learn for rows [n, 4] as the golden answers."""
    labels = load_iris().target_names[model.predict(rows)].tolist()
    write_golden(
        folder, inputs={"float_input": rows}, outputs={"probabilities": model.predict_proba(rows)}, labels=labels
    )


def build(output: Path) -> dict[str, float]:
    """Train, check and write `output/iris/1`; return the measured accuracy.

    Raises:
        BuildFailed: held-out accuracy, as the ONNX file gives it, is below `LEAST_ACCURACY`.
    """
    train_rows, test_rows, train_classes, test_classes = held_out()
    with new_version(output, "iris") as folder:
        model = train(train_rows, train_classes)
        export(model, folder / "model.onnx")
        write_answers(folder, model, test_rows[:GOLDEN_ROWS])
        session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
        (probabilities,) = session.run(["probabilities"], {"float_input": test_rows})
        accuracy = {"held_out": float(np.mean(probabilities.argmax(axis=1) == test_classes))}
        require_accuracy(accuracy, LEAST_ACCURACY)
        write_manifest(
            folder,
            name="iris",
            framework="onnx",
            task="classification",
            output="probabilities",
            label_output="label",
            inputs=describe(session.get_inputs()),
            outputs=describe(session.get_outputs()),
            labels=[str(name) for name in load_iris().target_names],
            accuracy=accuracy,
            reproducible="the same bytes on every build with the locked requirements",
        )
    return accuracy


if __name__ == "__main__":
    arguments = argument_parser(__doc__).parse_args()
    sys.exit(run_build("iris", lambda: build(arguments.output)))
