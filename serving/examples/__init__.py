"""Classify, Regress and MultiInference: signatures that read tf.Example messages, over gRPC and REST.

Protects from: UNIMPLEMENTED for models of TensorFlow's estimators and decision forests, and for their clients.
Costs: nothing while no such request arrives.
Instead: Predict, with serialized tf.Example messages as the strings of the input.
Remove: delete this folder and the lines that end with "# optional: examples"
"""

from typing import TYPE_CHECKING

from ..flags import FlagParser
from ..server import Server

if TYPE_CHECKING:
    from ..model import Model
    from ..service import Service


class Examples:
    """The optional part."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add no flags: a model has such signatures or not."""

    def attach(self, server: Server) -> None:
        """Answer the three methods, and replay their recorded requests before a version is served."""
        server.prepare_service.append(_answer)
        server.prepare_model.append(_replay)


def _answer(service: "Service") -> None:
    from .answers import add_methods  # not at the top: it imports TensorFlow, and the flags are checked before that

    add_methods(service)


def _replay(model: "Model") -> None:
    from .runs import add_replays

    add_replays(model)
