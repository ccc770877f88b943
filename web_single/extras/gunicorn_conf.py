"""The settings of gunicorn that optional parts change."""

from typing import Any

from ..limits.settings import limits_settings  # optional: limits
from ..telemetry.master import telemetry_settings  # optional: telemetry
from ..workers.master import worker_settings  # optional: workers


def gunicorn_settings(app: Any) -> dict[str, Any]:
    """Return settings by their names; `app` is the module that loads a model."""
    with app.exit_in_one_line():
        settings: dict[str, Any] = {}
        settings |= limits_settings()  # optional: limits
        settings |= telemetry_settings()  # optional: telemetry
        settings |= worker_settings(app)  # optional: workers
    return settings
