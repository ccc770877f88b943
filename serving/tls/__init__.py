"""TLS on the gRPC port, as with TensorFlow Serving's --ssl_config_file.

Protects from: reading and altering calls on the network; with `client_verify`, calls from unknown clients.
Costs: a handshake for each connection, and the encryption of each call. The REST port stays without TLS.
Instead: a proxy or a service mesh that encrypts all traffic.
Remove: delete this folder and the lines that end with "# optional: tls"
"""

from pathlib import Path

from ..flags import FlagParser
from ..server import Server
from .config import read_credentials


class Tls:
    """The flag --ssl_config_file."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add the flag."""
        parser.add_argument("--ssl_config_file", type=Path, help="key and certificate of the gRPC port")

    def attach(self, server: Server) -> None:
        """Use the key and the certificate in the file for the gRPC port."""
        if file := server.flags.ssl_config_file:
            server.grpc_credentials = read_credentials(file)
