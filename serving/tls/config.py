"""The file of `--ssl_config_file`: TensorFlow Serving's SSLConfig in protobuf's text format."""

import ssl
import tempfile
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ..errors import ConfigRefused
from ..flags import read_file

_FIELD = descriptor_pb2.FieldDescriptorProto
_FIELDS = {"server_key": _FIELD.TYPE_STRING, "server_cert": _FIELD.TYPE_STRING, "custom_ca": _FIELD.TYPE_STRING}
_FIELDS |= {"client_verify": _FIELD.TYPE_BOOL}


def read_credentials(path: Path) -> grpc.ServerCredentials:
    """Return the credentials of a server.

    Raises:
        ConfigRefused: the file cannot be read, the key, certificate or CA is not valid PEM, or the pair does not match.
    """
    config = _message()
    read_file(path, config)
    if config.client_verify and not config.custom_ca:
        raise ConfigRefused(f"{path}: client_verify needs a custom_ca, which has signed the clients' certificates")
    pair = (config.server_key.encode(), config.server_cert.encode())
    _check(path, *pair, config.custom_ca)
    return grpc.ssl_server_credentials([pair], config.custom_ca.encode() or None, config.client_verify)


def _check(path: Path, key: bytes, certificate: bytes, authority: str) -> None:
    """Raise `ConfigRefused` for invalid PEM, which gRPC would accept, only to fail each handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        with tempfile.NamedTemporaryFile() as file:
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name, password=lambda: "")
        if authority:
            context.load_verify_locations(cadata=authority)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigRefused(f"{path}: the key, the certificate or the CA is not valid PEM: {reason}") from error


def _message() -> Any:
    """Return an empty SSLConfig message. tensorflow-serving-api has no generated module for it."""
    file = descriptor_pb2.FileDescriptorProto(name="ssl_config.proto", package="tensorflow.serving", syntax="proto3")
    add = file.message_type.add(name="SSLConfig").field.add
    for number, (name, kind) in enumerate(_FIELDS.items(), 1):
        add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("tensorflow.serving.SSLConfig"))()
