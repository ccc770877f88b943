from pathlib import Path

import pytest
from pydantic import ValidationError
from pydantic_settings import BaseSettings

from web_single.limits.settings import LimitsSettings
from web_single.settings import Settings
from web_single.telemetry.settings import TelemetrySettings
from web_single.workers.settings import WorkersSettings


def test_the_defaults_run_from_the_root_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_VERSION", "")  # as compose passes a variable that is not set
    settings = Settings()
    assert (settings.model_dir, settings.model_version) == (Path("models/artifacts/iris"), None)
    assert settings.onnx_threads == 1


def test_settings_come_from_the_environment_and_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAX_ROWS", "5")
    monkeypatch.setenv("LOG_LEVEL", "WARNING")
    settings = Settings()
    assert (settings.max_rows, TelemetrySettings().log_level) == (5, "warning")
    with pytest.raises(ValidationError, match="frozen"):
        settings.max_rows = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("settings", "name", "value"),
    [
        (Settings, "MAX_ROWS", "0"),
        (TelemetrySettings, "LOG_FORMAT", "xml"),
        (Settings, "MODEL_VERSION", "newest"),
        (LimitsSettings, "MAX_IN_FLIGHT", "0"),
        (TelemetrySettings, "ACCESS_LOG", "maybe"),
        (WorkersSettings, "DRAIN_SECONDS", "nan"),
    ],
)
def test_an_impossible_setting_is_refused(
    monkeypatch: pytest.MonkeyPatch, settings: type[BaseSettings], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=name.lower()):
        settings()
