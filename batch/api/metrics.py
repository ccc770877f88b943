"""What Prometheus sees: requests, and the table as it is at each scrape. A run is too short to be scraped itself."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..database import readers
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
    """The age of the oldest row that waits, and the number of rows that failed; nothing while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = readers(engine)

    def describe(self) -> Iterable[Metric]:
        """Keep the registry from asking the database when the service is built."""
        return []

    def collect(self) -> Iterator[Metric]:
        waiting = Item.state == State.PENDING, Item.model_version.is_(None)
        some = select(literal(1)).where(Item.state == State.FAILED).limit(MOST_FAILED).subquery()
        try:
            with self._engine.connect() as connection:
                now = connection.execute(select(func.now())).scalar_one()
                oldest = connection.execute(select(func.min(Item.created_at)).where(*waiting)).scalar_one()
                failed = connection.execute(select(func.count()).select_from(some)).scalar_one()
        except (DBAPIError, NoConnectionFree):
            return
        age = (now - oldest).total_seconds() if oldest else 0
        yield GaugeMetricFamily("batch_oldest_pending_seconds", "Age of the oldest row that waits; 0: none", age)
        yield GaugeMetricFamily("batch_failed_rows", f"Rows that failed, counted up to {MOST_FAILED}", failed)
