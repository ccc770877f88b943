"""`verify FOLDER`: does a running server give the golden answers of the model in FOLDER?

Exit codes: 0 it does, over every protocol; 1 an answer differs; 2 the command or the folder is wrong; 3 no answer.
"""

import sys
from pathlib import Path
from typing import NoReturn

from ..client import connect
from ..transport import ServingError
from .arguments import Parser, end_with, fail, protocols, text
from .ask import ask
from .golden import Differs, Golden, compare, read_golden


def main() -> NoReturn:
    """Ask the server the golden answers, over gRPC and REST, and print one line."""
    parser = Parser("cli verify", "Ask a server the golden answers of a model.")
    parser.add_argument("folder", type=Path, help="the model's folder, or that of one version")
    parser.add_argument("--signature", type=text, default="serving_default")
    parser.add_argument("--model-name", type=text, help="the name in the manifest")
    parser.add_argument("--format", choices=protocols(), action="append", help="may be given twice; else all protocols")
    arguments = parser.parse_args(sys.argv[2:])
    formats = arguments.format or protocols()
    if arguments.target and len(formats) > 1:
        parser.error("--target goes with one --format: gRPC and REST have ports of their own")
    try:
        golden = read_golden(arguments.folder)
        name = arguments.model_name or golden.name
        for protocol in formats:
            with connect(protocol, arguments.target, name) as client:
                request = {"signature_name": arguments.signature, "inputs": golden.inputs}
                _check(golden, ask(client, request, arguments.timeout, golden.version), protocol)
    except Differs as error:
        fail(1, error)
    except ServingError as error:
        fail(3, f"over {protocol}: {error}")
    except (OSError, ValueError) as error:
        fail(2, error)
    end_with([f"{name} version {golden.version} gives its {golden.rows} golden answers over {' and '.join(formats)}"])


def _check(golden: Golden, answer: object, protocol: str) -> None:
    """Raise `Differs` unless the server's outputs are the golden ones."""
    outputs = answer if isinstance(answer, dict) else dict.fromkeys(golden.outputs, answer)
    expected = [*golden.outputs.items()]
    if golden.labels is not None and "label" in outputs:
        expected.append(("label", golden.labels))
    for name, values in expected:
        if name not in outputs:
            raise Differs(f"over {protocol}: the server's outputs are {', '.join(sorted(outputs))}, without {name}")
        compare(f"over {protocol}: golden", name, values, outputs[name], golden.tolerance)
