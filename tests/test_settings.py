"""Settings that mean the same in every pattern."""

import pytest
from pydantic import ValidationError

from asynchronous.logs.logs import LogSettings as OfAsynchronous
from batch.logs.logs import LogSettings as OfBatch
from web_single.telemetry.settings import TelemetrySettings as OfWebSingle

PATTERNS = pytest.mark.parametrize("settings", [OfWebSingle, OfAsynchronous, OfBatch])


@PATTERNS
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
@pytest.mark.parametrize("written", [str.lower, str.upper, str.title])
def test_the_same_levels_are_accepted_in_any_letters(settings, level, written, monkeypatch):
    monkeypatch.setenv("LOG_LEVEL", written(level))
    assert settings().log_level.lower() == level


@PATTERNS
@pytest.mark.parametrize(("name", "value"), [("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml")])
def test_the_same_values_are_refused(settings, name, value, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        settings()
