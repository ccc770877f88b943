"""Train networks with PyTorch, and write them as its exporter does, with PyTorch's own answers beside them.

PyTorch takes gigabytes, so it is in no lock, and the files are in the repository. To make them again:

    uv run --no-project --with torch --with onnx --with onnxscript --with scikit-learn models/gallery/pytorch/export.py
"""

import json
from pathlib import Path
from typing import Any

import onnx
import torch
from sklearn.datasets import load_iris
from torch import nn

FOLDER = Path(__file__).parent
ROWS, CLASSES = torch.tensor(load_iris().data, dtype=torch.float32), torch.tensor(load_iris().target)
FLOWERS = load_iris().target_names.tolist()


class Network(nn.Module):
    """Two hidden layers; `give` names what the network returns: probabilities, logits, or both."""

    def __init__(self) -> None:
        super().__init__()
        # Weights smaller than these would be written into the graph and not into the file beside it.
        self.hidden = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Dropout(0.1))
        self.last = nn.Linear(64, 3)
        self.give = ["probabilities"]

    def forward(self, x: torch.Tensor) -> Any:
        logits = self.last(self.hidden(x))
        named = {"logits": logits, "probabilities": torch.softmax(logits, 1)}
        return tuple(named[name] for name in self.give)


def train() -> Network:
    """Return a network that was trained on every second row."""
    torch.manual_seed(0)
    network = Network()
    network.give = ["logits"]
    optimizer = torch.optim.Adam(network.parameters(), 0.005)
    for _ in range(300):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(ROWS[::2])[0], CLASSES[::2]).backward()
        optimizer.step()
    network.eval()
    return network


def write(network: Network, name: str, give: list[str], free: bool = True) -> None:
    """Export `network` with the outputs `give`, for any number of rows if `free`, else for one at a time."""
    network.give, path = give, FOLDER / f"{name}.onnx"
    shapes = ({0: torch.export.Dim("batch")},) if free else None
    names = {"input_names": ["x"], "output_names": give}
    example = ROWS[:2] if free else ROWS[:1]
    torch.onnx.export(network, (example,), path, dynamo=True, external_data=True, dynamic_shapes=shapes, **names)
    model = onnx.load(path, load_external_data=False)
    for node in model.graph.node:
        del node.metadata_props[:]  # the paths of this machine
    onnx.save_model(model, path)
    with torch.no_grad():
        answers = dict(zip(give, [output.tolist() for output in network(ROWS)], strict=True))
    labels = [FLOWERS[max(range(3), key=row.__getitem__)] for row in next(iter(answers.values()))]
    golden = {"inputs": {"x": load_iris().data.tolist()}, "outputs": answers, "labels": labels}
    path.with_suffix(".json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    trained = train()
    write(trained, "network", ["probabilities"])
    write(trained, "network_of_logits", ["logits"])
    write(trained, "network_with_hidden_layer", ["logits", "probabilities"])
    write(trained, "network_of_one_row", ["probabilities"], free=False)
