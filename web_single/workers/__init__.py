"""What gunicorn's master and workers do beyond their defaults: verify once, swap, drain, stop without a reset.

Protects from: failed requests at a stop or swap, a bad model version that takes the service down, abusive connections.
Costs: DRAIN_SECONDS and up to a second more at each stop.
Instead: uvicorn behind a load balancer that drains connections, and a new container for each model version.
Remove: delete this folder and the lines that end with "# optional: workers"
"""

from fastapi import FastAPI

from .kept_model import kept_artifact
from .stop_announcement import check_no_stop_announced

__all__ = ["add_workers", "kept_artifact"]


def add_workers(app: FastAPI) -> None:
    """Let /ready answer 503 once the master has announced its stop."""
    app.state.ready_checks.append(check_no_stop_announced)
