"""TLS and credentials: who is talked to, what is sent, and what an error says."""

import pytest

from local.servers import answers
from synchronous.client import ServingError, connect
from synchronous.signatures.ask import ask as ask_signature
from synchronous.signatures.golden import read_golden
from synchronous.tls.credentials import read_security
from tests.certificates import Authority
from tests.serving.plugin import server_argv
from tests.synchronous import fakes

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture
def authority(tmp_path, monkeypatch):
    for name in ("CA", "CERT", "KEY", "TOKEN", "API_KEY"):
        monkeypatch.delenv(f"SERVING_{name}", raising=False)
    return Authority(tmp_path)


def ask(protocol, target):
    with connect(protocol, target) as client:
        return client.predict([b"image"], 60)[0].label


def refusal(protocol, target):
    with pytest.raises(ServingError) as refused:
        ask(protocol, target)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def seven(images):
    return ["7"] * len(images)


@BOTH
@pytest.mark.parametrize("scheme", ["https://", ""])
def test_https_or_an_authority_means_tls(protocol, scheme, authority, monkeypatch):
    monkeypatch.setenv("SERVING_CA", str(authority.file))
    with fakes.serving(protocol, seven, pair=authority.sign("server")) as target:
        assert ask(protocol, scheme + target) == "7"
        with pytest.raises(ValueError, match="without TLS, and SERVING_CA"):
            connect(protocol, f"http://{target}")


@BOTH
def test_a_server_on_this_machine_is_reached_without_a_proxy(protocol, authority, monkeypatch):
    monkeypatch.setenv("SERVING_CA", str(authority.file))
    for name in ("http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    with fakes.serving(protocol, seven, pair=authority.sign("server")) as target:
        assert ask(protocol, target) == "7"


@BOTH
def test_a_server_that_the_authority_did_not_sign_is_not_talked_to(protocol, authority, tmp_path, monkeypatch):
    with fakes.serving(protocol, seven, pair=authority.sign("server")) as target:
        assert "SERVING_CA did not sign it" in refusal(protocol, f"https://{target}")
        monkeypatch.setenv("SERVING_CA", str(Authority(tmp_path, "other").file))
        assert "SERVING_CA did not sign it" in refusal(protocol, target)


@BOTH
def test_a_plain_target_that_meets_tls_and_the_reverse_say_so(protocol, authority):
    with fakes.serving(protocol, seven, pair=authority.sign("server")) as target:
        assert f"{target} speaks TLS: use https://{target}" in refusal(protocol, target)
    with fakes.serving(protocol, seven) as target:
        assert f"{target} does not speak TLS: use http://{target}" in refusal(protocol, f"https://{target}")


def certificate(monkeypatch, authority, pair):
    """Set what a client needs to show a certificate."""
    for name, file in (("CA", authority.file), ("CERT", pair.certificate), ("KEY", pair.key)):
        monkeypatch.setenv(f"SERVING_{name}", str(file))


@pytest.fixture
def asking(start_preloaded, free_port, artifacts, tmp_path, authority):
    """The gRPC address of the stand-in server, which asks its clients for a certificate."""
    pair, port, rest = authority.sign("server"), free_port(), free_port()
    texts = {"server_key": pair.key, "server_cert": pair.certificate, "custom_ca": authority.file}
    config = [f"{name}: {file.read_text()!r}" for name, file in texts.items()]
    (tmp_path / "ssl.config").write_text("\n".join([*config, "client_verify: true"]))
    argv = server_argv(artifacts / "digits", port, rest, f"--ssl_config_file={tmp_path / 'ssl.config'}")
    start_preloaded("tls", argv, lambda: answers(f"http://127.0.0.1:{rest}/v1/models/digits"))
    return f"127.0.0.1:{port}"


def test_the_stand_in_answers_a_client_with_a_certificate_and_no_other(
    asking, authority, artifacts, digit_images, monkeypatch
):
    monkeypatch.setenv("SERVING_CA", str(authority.file))
    assert f"{asking} asks for a certificate: set SERVING_CERT and SERVING_KEY" in refusal("grpc", asking)
    certificate(monkeypatch, authority, authority.sign("client"))
    with connect("grpc", asking) as client:
        assert client.predict([digit_images[0].data], 30)[0].label == digit_images[0].label
        golden = read_golden(artifacts / "digits")
        request = {"signature_name": "serving_default", "inputs": golden.inputs}
        assert ask_signature(client, request, 30)["label"] == golden.labels


def test_a_client_over_rest_shows_its_certificate(authority, monkeypatch):
    with fakes.serving("rest", seven, pair=authority.sign("server"), clients=authority.file) as target:
        monkeypatch.setenv("SERVING_CA", str(authority.file))
        assert "asks for a certificate: set SERVING_CERT and SERVING_KEY" in refusal("rest", target)
        certificate(monkeypatch, authority, authority.sign("client"))
        assert ask("rest", target) == "7"


@BOTH
def test_a_token_and_a_key_are_sent_with_each_call(protocol, authority, monkeypatch):
    monkeypatch.setenv("SERVING_TOKEN", "secret\n")
    monkeypatch.setenv("SERVING_API_KEY", "key")
    fakes.metadata.clear()
    with fakes.serving(protocol, seven) as target:
        ask(protocol, target)
    [sent] = fakes.metadata
    assert (sent["authorization"], sent["x-api-key"]) == ("Bearer secret", "key")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SERVING_CERT": "/a"}, "SERVING_CERT and SERVING_KEY belong together"),
        ({"SERVING_CA": "/not/there"}, "/not/there: not readable PEM"),
        ({"SERVING_TOKEN": "a\nb"}, "must be printable ASCII"),
    ],
)
def test_wrong_settings_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        read_security(settings)
