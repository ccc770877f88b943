"""Limits on the size and duration of a body, and on the requests in flight.

Protects from: bodies that fill the memory, clients that never finish sending, and queues that grow without end.
Costs: three more layers of middleware around each request.
Instead: a reverse proxy that limits bodies and buffers them (nginx: client_max_body_size, client_body_timeout).
Remove: delete this folder and the lines that end with "# optional: limits"
"""

from fastapi import FastAPI

from .bodies import BodyLimits
from .in_flight import InFlightLimit
from .settings import LimitsSettings
from .unread_body import DiscardUnreadBody


def add_limits(app: FastAPI) -> None:
    """Limit every request as the environment says."""
    settings = LimitsSettings()
    app.add_middleware(DiscardUnreadBody)
    app.add_middleware(InFlightLimit, limit=settings.max_in_flight, admitted=app.state.probe_paths)
    app.add_middleware(BodyLimits, max_bytes=settings.max_body_bytes, seconds=settings.body_timeout)
    app.state.request_limits["max_body_bytes"] = settings.max_body_bytes
