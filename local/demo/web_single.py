"""The demo's requests to web_single: Iris rows."""

from collections.abc import Iterator

import httpx

from ..stack import Stack
from . import samples
from .steps import Step, expect


def steps(stack: Stack) -> Iterator[Step]:
    """Iris rows, one and many, and a row that cannot be answered."""
    client = httpx.Client(base_url=f"http://127.0.0.1:{stack.settings.web_single_port}")
    rows = samples.iris_rows(150)

    def label(data: list[list[float]]) -> list[str]:
        answer: list[str] = expect(client.post("/predict/label", json={"data": data}), 200).json()["prediction"]
        return answer

    def probabilities() -> str:
        row = expect(client.post("/predict", json={"data": rows[:1]}), 200).json()["prediction"][0]
        return ", ".join(f"{probability:.3f}" for probability in row)

    def count() -> str:
        labels = label(rows)
        return ", ".join(f"{labels.count(name)} {name}" for name in dict.fromkeys(labels))

    def refusal() -> str:
        detail = expect(client.post("/predict", json={"data": [[5.1, 3.5]]}), 422).json()["detail"]
        return f"422 {detail}"

    yield Step(f"POST /predict {rows[0]}", probabilities)
    yield Step("POST /predict/label, 3 rows", lambda: ", ".join(label(rows[:3])))
    yield Step("POST /predict/label, 150 rows", count)
    yield Step("POST /predict [5.1, 3.5]", refusal)
