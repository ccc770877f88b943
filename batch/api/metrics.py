"""What Prometheus sees: requests, and the table as it is at each scrape. A run is too short to be scraped itself."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, func, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..migrate.stored import as_stored
from ..tables import Item, State

MOST_FAILED = 10_000  # more are not counted, so a scrape costs little however many there are


class CountRequests:
    """ASGI middleware: count requests by route and status."""

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        labels = ["route", "status"]
        self._requests = Counter("batch_api_requests", "Requests by route and status", labels, registry=registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        status = 500  # the server's answer to an error that no handler takes

        async def send_counted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        finally:
            self._requests.labels(getattr(scope.get("route"), "path", "unknown"), status).inc()


class Table(Collector):
    """The age of the oldest waiting row, and the number of failed rows; nothing while the database is unavailable."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> Iterable[Metric]:
        """Return no metrics: the registry then does not query the database when the service is built."""
        return []

    def collect(self) -> Iterator[Metric]:
        some = select(literal(1)).where(Item.state == State.FAILED).limit(MOST_FAILED).subquery()
        try:
            with self._engine.connect() as connection:
                now = connection.execute(select(func.now())).scalar_one()
                oldest = oldest_pending(connection)
                failed = connection.execute(select(func.count()).select_from(some)).scalar_one()
        except (DBAPIError, NoConnectionFree):
            return
        if not isinstance(oldest, str):
            age = (now - oldest).total_seconds() if oldest else 0
            yield GaugeMetricFamily("batch_oldest_pending_seconds", "Age of the oldest row that waits; 0: none", age)
        yield GaugeMetricFamily("batch_failed_rows", f"Rows that failed, counted up to {MOST_FAILED}", failed)


def oldest_pending(connection: Connection) -> datetime | str | None:
    """Return when the oldest row that waits was created: one entry of the index for each version.

    A row that was set back to pending keeps the model version that it had. A text is what another program has written
    where a time must be.
    """
    moments: list[datetime | str | None] = []
    created = as_stored(Item.created_at).type
    pending, version = Item.state == State.PENDING, None
    while True:
        of_version = pending, Item.model_version == version  # None: IS NULL
        moments.append(connection.scalar(select(func.min(Item.created_at, type_=created)).where(*of_version)))
        later = pending, Item.model_version > (-1 if version is None else version)
        version = connection.scalar(select(func.min(Item.model_version)).where(*later))
        if version is None:
            text = next((moment for moment in moments if isinstance(moment, str)), None)
            times = [moment for moment in moments if isinstance(moment, datetime)]
            return min(times, default=None) if text is None else text
