"""Find out, after a connection failed, whether TLS is the cause: gRPC says only that the socket was closed.

Twin: synchronous/tls and asynchronous/tls hold this file byte for byte, so that each folder can be copied alone.
"""

import socket
import ssl
from typing import Literal

SECONDS = 1.0  # for connecting and for each answer


def probe(address: str) -> Literal["unknown", "tls", "certificate"]:
    """Return `tls` if host:port speaks TLS, `certificate` if it also demands a client certificate, else `unknown`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # nothing is sent over this connection
    context.set_alpn_protocols(["h2", "http/1.1"])
    spoken: Literal["unknown", "tls"] = "unknown"
    try:
        with (
            socket.create_connection((host, int(port)), SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=host) as encrypted,
        ):
            spoken = "tls"
            # TLS 1.3 refuses a client only after the handshake. A gRPC server then closes the connection without an
            # alert, before the first frame, which it sends at once to every client that it accepts.
            return spoken if encrypted.recv(1) else "certificate"
    except ssl.SSLError as error:
        alert = error.reason or ""
        if "CERTIFICATE_REQUIRED" in alert or "HANDSHAKE_FAILURE" in alert:
            return "certificate"
        return "tls" if "ALERT" in alert else spoken
    except (OSError, ValueError):
        pass
    return spoken


def _is_refused(address: str) -> bool:
    """Return whether the server refuses a client without a certificate: twice, as it may have been shutting down."""
    return probe(address) == "certificate" and probe(address) == "certificate"


def explain(address: str, encrypted: bool, details: str) -> str | None:
    """Return what is wrong, if `details` of gRPC or of httpx mean that no call can succeed.

    `encrypted`: the connection uses TLS. The cause is TLS on one side only, or a missing or rejected certificate.
    """
    if not encrypted:
        closed = any(word in details for word in ("Socket closed", "reset", "ReadError", "RemoteProtocolError"))
        if closed and probe(address) != "unknown":
            return f"{address} speaks TLS: use https://{address}, or set SERVING_CA"
    elif any(word in details for word in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")):
        return f"{address} does not speak TLS: use http://{address}, without SERVING_CA"
    elif "CERTIFICATE_VERIFY_FAILED" in details or "erification check failed" in details:
        return f"the certificate of {address} is not valid for it, or SERVING_CA did not sign it: {details}"
    elif "CERTIFICATE_REQUIRED" in details or ("Socket closed" in details and _is_refused(address)):
        return f"{address} asks for a certificate: set SERVING_CERT and SERVING_KEY"
    return None
