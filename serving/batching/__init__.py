"""Dynamic batching: requests that wait at the same time run as one, as with TensorFlow Serving's --enable_batching.

Protects from: paying the fixed cost of a run for each image when many callers ask at once.
Costs: each request waits up to `batch_timeout_micros` for others; a request that waits holds a gRPC thread.
Instead: let each caller send many images in one request.
Remove: delete this folder and the lines that end with "# optional: batching"
"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..flags import BOOLEAN, FlagParser, Flags
from ..server import Server
from .batcher import Batcher
from .parameters import BatchingParameters, read_parameters

if TYPE_CHECKING:
    from ..model import Model


class Batching:
    """The flags --enable_batching and --batching_parameters_file."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add the flags."""
        parser.add_argument("--enable_batching", **BOOLEAN, help="run requests in batches (false)")
        parser.add_argument("--batching_parameters_file", type=Path, help="see batching.config")
        parser.checks.append(_check)

    def attach(self, server: Server) -> None:
        """Batch the requests of every model, if the flags ask for it."""
        if parameters := parameters_of(server.flags):
            server.prepare_model.append(partial(_batch, parameters=parameters))


def parameters_of(flags: Flags) -> BatchingParameters | None:
    """Return the parameters in the file, or the defaults, or None while batching is off."""
    if not flags.enable_batching:
        return None
    file = flags.batching_parameters_file
    return read_parameters(file) if file else BatchingParameters()


def _check(flags: Flags) -> str | None:
    if flags.batching_parameters_file and not flags.enable_batching:
        return "--batching_parameters_file is set without setting --enable_batching to true"
    return None


def _batch(model: "Model", parameters: BatchingParameters) -> None:
    """Put a batcher between the model's callers and its session."""
    batcher = Batcher(model.execute, parameters)
    model.execute = batcher.run
    model.before_close.append(batcher.close)
