"""TLS on the gRPC port: who may connect, and which files are refused."""

import grpc
import pytest

from local.servers import answers
from serving.errors import ConfigRefused
from serving.messages import get_model_status_pb2, model_service_pb2_grpc
from serving.tls.config import read_credentials
from tests.certificates import Authority
from tests.serving.plugin import server_argv


def ssl_config(path, pair, *more):
    """Write an SSLConfig: PEM texts, in protobuf's text format."""
    quoted = {name: repr(file.read_text()) for name, file in (("key", pair.key), ("cert", pair.certificate))}
    path.write_text("\n".join([f"server_key: {quoted['key']}", f"server_cert: {quoted['cert']}", *more]))
    return path


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def served(start_preloaded, free_port, saved_models, tmp_path, authority):
    """The port of a server that asks its clients for a certificate."""
    more = ["client_verify: true", f"custom_ca: {authority.file.read_text()!r}"]
    file = ssl_config(tmp_path / "ssl.config", authority.sign("server"), *more)
    port, rest = free_port(), free_port()
    argv = server_argv(saved_models / "marked", port, rest, f"--ssl_config_file={file}")
    start_preloaded("tls", argv, lambda: answers(f"http://127.0.0.1:{rest}/v1/models/marked"))
    return port


def status(channel):
    request = get_model_status_pb2.GetModelStatusRequest()
    request.model_spec.name = "marked"
    return model_service_pb2_grpc.ModelServiceStub(channel).GetModelStatus(request, timeout=120).model_version_status


def test_only_a_client_with_a_signed_certificate_is_answered(served, authority):
    ca, client = authority.file.read_bytes(), authority.sign("client")
    pair = client.key.read_bytes(), client.certificate.read_bytes()
    with grpc.secure_channel(f"localhost:{served}", grpc.ssl_channel_credentials(ca, *pair)) as channel:
        assert status(channel)[0].state == get_model_status_pb2.ModelVersionStatus.AVAILABLE
    for channel in (
        grpc.secure_channel(f"localhost:{served}", grpc.ssl_channel_credentials(ca)),
        grpc.insecure_channel(f"localhost:{served}"),
    ):
        with channel, pytest.raises(grpc.RpcError) as refused:
            status(channel)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("server_crt: 'x'", 'has no field named "server_crt"'),
        ("client_verify: true", "client_verify needs a custom_ca"),
        ("custom_ca: 'x'", "the key, the certificate or the CA is not valid PEM"),
        ("server_key: 'x'", "the key, the certificate or the CA is not valid PEM"),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(more, said, tmp_path, authority):
    file = ssl_config(tmp_path / "ssl.config", authority.sign("server"))
    file.write_text("\n".join([line for line in file.read_text().splitlines() if line[:10] != more[:10]] + [more]))
    with pytest.raises(ConfigRefused) as refused:
        read_credentials(file)
    assert str(file) in str(refused.value)
    assert said in str(refused.value)
