"""The worker's TLS; the twins' own tests are in tests/synchronous."""

import pytest

from asynchronous.model import CHANNEL_OPTIONS, Model, open_channel
from asynchronous.outages.patient import PatientModel
from asynchronous.tls import check_security, secure
from tests.certificates import Authority
from tests.synchronous.fakes import serving


def test_https_means_tls_and_a_plain_address_that_meets_it_is_named(settings, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    monkeypatch.setenv("SERVING_CA", str(authority.file))
    with serving("grpc", lambda images: ["7"] * len(images), pair=authority.sign("server")) as target:
        encrypted = Model(settings(serving_grpc=f"https://{target}"), secure(open_channel, CHANNEL_OPTIONS))
        assert encrypted.predict([b"image"])[0].label == "7"
        monkeypatch.delenv("SERVING_CA")
        plain = PatientModel(settings(serving_grpc=target), secure(open_channel, CHANNEL_OPTIONS))
        assert not plain.is_served(60, wait=False)
        assert plain.problem == f"{target} speaks TLS: use https://{target}, or set SERVING_CA"


def test_a_wrong_setting_ends_the_worker_in_one_line(monkeypatch):
    monkeypatch.setenv("SERVING_CERT", "/a.pem")
    with pytest.raises(SystemExit, match="wrong settings: SERVING_CERT and SERVING_KEY belong together"):
        check_security()
