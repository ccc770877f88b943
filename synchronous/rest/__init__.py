"""The same calls over TensorFlow Serving's REST API.

Protects from: networks and gateways between client and server that pass on HTTP/1.1 but not gRPC.
Costs: a third more bytes for each image, which JSON carries in base64; httpx, imported at the first use.
Instead: gRPC through a gateway that supports HTTP/2.
Remove: delete this folder and the lines that end with "# optional: rest"
"""

import os
from collections.abc import Mapping
from typing import Any

from ..channel import server_url
from ..transport import Transport


def open_rest(target: str | None, options: Mapping[str, Any]) -> Transport:
    """Return the transport to `target`, one address or several with commas, or to SERVING_REST.

    `options` are httpx's, such as `headers`. With `verify`, an address without http:// means https://. `explain`
    is a function of the address, whether TLS is used, and an error's text; it returns the error's cause or None.

    Raises:
        ValueError: an address is not valid.
    """
    from .transport import RestTransport  # not at the top: gRPC does not need httpx

    addresses = (target or os.environ.get("SERVING_REST", "127.0.0.1")).split(",")
    urls = [server_url(address.strip(), 8501) for address in addresses]
    urls = [url._replace(path=url.path.rstrip("/")) for url in urls]
    if "verify" in options:
        plain = [url for url, address in zip(urls, addresses, strict=True) if "http://" in address]
        if plain:
            raise ValueError(f"{plain[0].geturl()} is without TLS, and SERVING_CA or SERVING_CERT demands it")
        urls = [url._replace(scheme="https") for url in urls]
    return RestTransport(urls, options)
