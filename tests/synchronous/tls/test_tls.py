"""TLS and credentials: who is talked to, what is sent, and what an error says."""

import pytest

from synchronous.client import ServingError, connect
from synchronous.tls.credentials import read_security
from tests.certificates import Authority
from tests.synchronous import fakes

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture
def authority(tmp_path, monkeypatch):
    for name in ("CA", "CERT", "KEY", "TOKEN", "API_KEY"):
        monkeypatch.delenv(f"SERVING_{name}", raising=False)
    return Authority(tmp_path)


def ask(protocol, target):
    with connect(protocol, target) as client:
        return client.predict([b"image"], 10)[0].label


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
