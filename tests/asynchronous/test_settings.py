"""Wrong settings, those of the optional folders included."""

import pytest

from asynchronous.app import create_app
from asynchronous.settings import Settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WORKER_PROCESSES", "0"),
        ("REDIS_URL", "localhost"),
        ("SERVING_GRPC", "http://localhost:8500"),
        ("REGISTER", "sometimes"),
        ("MODEL_VERSION", "newest"),
        ("LEASE", "0"),
        ("LOG_FORMAT", "xml"),
        ("DEAD_LETTER_LIFETIME", "-1"),
        ("JOB_LIFETIME", "inf"),
        ("LEASE", "1e300"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        create_app()
    assert str(ended.value).startswith("wrong settings: ")
    assert name in str(ended.value)
    assert "\n" not in str(ended.value)


def test_settings_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        Settings().lease = 3
