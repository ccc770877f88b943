"""What the optional parts change in gunicorn's settings."""

from typing import Any

from ..limits.settings import LimitsSettings  # optional: limits
from ..telemetry.master import gunicorn_telemetry  # optional: telemetry
from ..workers.master import gunicorn_workers  # optional: workers


def gunicorn_settings(app: Any) -> dict[str, Any]:
    """Return settings by their names; `app` is the module that loads a model."""
    with app.exit_in_one_line():
        settings: dict[str, Any] = {}
        settings["graceful_timeout"] = int(LimitsSettings().body_timeout) + 10  # optional: limits
        settings |= gunicorn_telemetry()  # optional: telemetry
        settings |= gunicorn_workers(app)  # optional: workers
    return settings
