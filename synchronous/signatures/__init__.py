"""Any signature of any SavedModel: its inputs from a file, and its golden answers.

Protects from: a client of your own for each other model; a server that gives other answers than the trainer.
Costs: seven modules; over gRPC one more call, for the signature's types.
Instead: a request of your own with the messages in messages.py, or curl to the REST API.
Remove: delete this folder and the lines that end with "# optional: signatures"
"""

import sys
from collections.abc import Callable


def signature_commands(other: Callable[[], None]) -> Callable[[], None]:
    """Return a function that runs `verify FOLDER` or `--inputs FILE` if these are the arguments, else `other`."""

    def run() -> None:
        chosen = other
        if sys.argv[1:2] == ["verify"]:
            from .verify import main as verify  # not at the top: Python code that uses the client does not need it

            chosen = verify
        elif any(word == "--inputs" or word.startswith("--inputs=") for word in sys.argv[1:]):
            from .command import main as inputs

            chosen = inputs
        chosen()

    return run
