"""The settings of TLS and credentials, from the environment.

Twin: synchronous/tls and asynchronous/tls hold this file byte for byte, so that each folder can be copied alone.
"""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Security:
    """What SERVING_CA, SERVING_CERT, SERVING_KEY, SERVING_TOKEN and SERVING_API_KEY say. Nothing is set by default."""

    ca: Path | None = None  # the authority that signed the server's certificate; None: those that the system trusts
    certificate: Path | None = None  # of this client
    key: Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)  # sent with each call

    @property
    def demands_tls(self) -> bool:
        """Return whether even an address without https:// means TLS."""
        return bool(self.ca or self.certificate)

    def context(self) -> ssl.SSLContext:
        """Return the settings for TLS.

        Raises:
            ValueError: a file cannot be read, or is not valid PEM.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
            if self.certificate and self.key:
                context.load_cert_chain(self.certificate, self.key, password=lambda: "")
        except OSError as error:  # ssl.SSLError is one
            names = ", ".join(str(file) for file in (self.ca, self.certificate, self.key) if file)
            raise ValueError(f"{names}: not readable PEM files that fit together: {error.strerror or error}") from error
        return context


def read_security(environment: Mapping[str, str] = os.environ) -> Security:
    """Return the settings.

    Raises:
        ValueError: SERVING_CERT is set without SERVING_KEY or the reverse, or a file is not valid.
    """
    ca, certificate, key = (environment.get(f"SERVING_{name}") for name in ("CA", "CERT", "KEY"))
    if bool(certificate) != bool(key):
        raise ValueError("SERVING_CERT and SERVING_KEY belong together: a certificate and its key")
    headers = {}
    if token := environment.get("SERVING_TOKEN", "").strip():
        headers["authorization"] = f"Bearer {token}"
    if api_key := environment.get("SERVING_API_KEY", "").strip():
        headers["x-api-key"] = api_key
    if not all(value.isascii() and value.isprintable() for value in headers.values()):
        raise ValueError("SERVING_TOKEN and SERVING_API_KEY must be printable ASCII")
    files = [Path(file) if file else None for file in (ca, certificate, key)]
    security = Security(files[0], files[1], files[2], headers)
    if security.demands_tls:
        security.context()
    return security
