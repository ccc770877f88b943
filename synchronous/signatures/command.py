"""`python -m synchronous.client --inputs rows.json --signature NAME`: a file of inputs in, lines of JSON out.

Exit codes: 0 there is an answer; 2 the command or the file is wrong; 3 the server did not answer.
"""

import json
import sys
from pathlib import Path
from typing import NoReturn

from ..client import connect
from ..transport import ServingError
from .arguments import Parser, end_with, fail, protocols, text
from .ask import ask
from .forms import read_request


def main() -> NoReturn:
    """Print one line for each row of `instances`, or one line with the columns for `inputs`."""
    parser = Parser("client", "Ask any signature of any SavedModel.")
    parser.add_argument("--inputs", required=True, help='a file with {"instances": ...} or {"inputs": ...}; - is stdin')
    parser.add_argument("--signature", type=text, help="the file's signature_name, or serving_default")
    parser.add_argument("--model-name", type=text, default="digits")
    parser.add_argument("--format", choices=protocols(), default="grpc")
    arguments = parser.parse_args()
    try:
        content = sys.stdin.read() if arguments.inputs == "-" else Path(arguments.inputs).read_text("utf-8-sig")
        request = read_request(content, arguments.signature)
    except (OSError, ValueError, RecursionError) as error:
        fail(2, f"{arguments.inputs}: {error.strerror if isinstance(error, OSError) else error}")
    try:
        with connect(arguments.format, arguments.target, arguments.model_name) as client:
            answer = ask(client, request, arguments.timeout)
    except ServingError as error:
        fail(3, error)
    except (ValueError, RecursionError) as error:
        fail(2, error)
    end_with(map(json.dumps, answer if "instances" in request else [answer]))
