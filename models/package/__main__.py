"""Package an ONNX file as the next version of a model, or refuse it in one line that says what to do."""

import argparse
import sys
from pathlib import Path

from ..manifest import ARTIFACTS, BuildFailed
from .answers import FORM, read_golden
from .onnx_file import package_onnx


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 1, with one line on stderr, if the model is refused."""
    parser = argparse.ArgumentParser("python -m models.package", description=__doc__)
    parser.add_argument("graph", type=Path, help="the ONNX file; files with its weights are beside it")
    parser.add_argument("--name", required=True, help="letters, digits, '.', '_' and '-'")
    parser.add_argument("--golden", type=Path, required=True, help=f"rows with the trainer's answers: {FORM}")
    parser.add_argument("--labels", help="a,b: in the order of the probabilities (default: as the golden rows show)")
    parser.add_argument("--task", choices=["classification", "regression"], help="default: as the golden rows show")
    parser.add_argument("--output", help="the graph's output to serve (default: the only one that it can be)")
    parser.add_argument("--models", type=Path, default=ARTIFACTS, help="folder for the model (default: %(default)s)")
    given = parser.parse_args(arguments)
    labels = [label.strip() for label in given.labels.split(",")] if given.labels else None
    options = {"task": given.task, "output": given.output, "labels": labels, "models": given.models}
    try:
        folder = package_onnx(given.graph, given.name, read_golden(given.golden), **options)
    except (BuildFailed, OSError) as error:
        print(f"{given.name}: {error}", file=sys.stderr)
        return 1
    print(f"{given.name}: packaged in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
