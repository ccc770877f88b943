"""gRPC's own settings, and a UNIX socket besides the port, as with TensorFlow Serving's flags for them.

Protects from: clients that stay with one server for days (grpc.max_connection_age_ms); the network, on one machine.
Costs: with an age, a new connection for each client whenever the age is reached.
Instead: clients that open a new connection now and then.
Remove: delete this folder and the lines that end with "# optional: connections"
"""

import argparse

from ..flags import FlagParser
from ..server import Server


class Connections:
    """The flags --grpc_channel_arguments and --grpc_socket_path."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add the flags."""
        flag = parser.add_argument
        flag("--grpc_channel_arguments", type=_options, default=[], help="grpc.NAME=VALUE,... of the gRPC server")
        flag("--grpc_socket_path", default="", help="a UNIX socket for gRPC, besides the port")

    def attach(self, server: Server) -> None:
        """Start the gRPC server with these options, and listen on the socket too."""
        server.grpc_options += server.flags.grpc_channel_arguments
        if path := server.flags.grpc_socket_path:
            server.sockets.append(f"unix:{path}")


def _options(text: str) -> list[tuple[str, int | str]]:
    """Return gRPC's options. A whole number is passed as an integer, as in TensorFlow Serving."""
    options: list[tuple[str, int | str]] = []
    for pair in filter(None, text.split(",")):
        name, equals, value = pair.partition("=")
        if not (name and equals and value):
            raise argparse.ArgumentTypeError(f"{pair!r} is not NAME=VALUE")
        try:
            options.append((name, int(value)))
        except ValueError:
            options.append((name, value))
    return options
