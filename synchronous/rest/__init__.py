"""The same calls over TensorFlow Serving's REST API.

Protects from: networks and gateways between client and server that pass on HTTP/1.1 but not gRPC.
Costs: a third more bytes for each image, which JSON carries in base64; httpx, imported at the first use.
Instead: gRPC through a gateway that supports HTTP/2.
Remove: delete this folder and the lines that end with "# optional: rest"
"""

import os

from ..transport import Transport, server_url


def open_rest(target: str | None) -> Transport:
    """Return the transport to `target` (host, host:port or URL), or to SERVING_REST.

    Raises:
        ValueError: `target` is not a valid address.
    """
    from .transport import RestTransport  # not at the top: gRPC does not need httpx

    return RestTransport(server_url(target or os.environ.get("SERVING_REST", "127.0.0.1"), 8501).geturl())
