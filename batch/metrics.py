"""What Prometheus sees of the table, asked anew with each scrape. A run is too short to be scraped itself."""

from collections.abc import Iterable, Iterator

from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, literal, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree

from .database import readers
from .status import oldest_pending_seconds
from .tables import Item, State

MOST_FAILED = 10_000  # more are not counted, so that a scrape costs little however many there are


class Table(Collector):
    """The age of the oldest row that waits, and the number of rows that failed; nothing while the database is away."""

    def __init__(self, engine: Engine) -> None:
        self._engine = readers(engine)

    def describe(self) -> Iterable[Metric]:
        """Keep the registry from asking the database when the service is built."""
        return []

    def collect(self) -> Iterator[Metric]:
        try:
            with self._engine.connect() as connection:
                now = connection.execute(select(func.now())).scalar_one()
                oldest = oldest_pending_seconds(connection, now) or 0
                some = select(literal(1)).where(Item.state == State.FAILED).limit(MOST_FAILED).subquery()
                failed = connection.execute(select(func.count()).select_from(some)).scalar_one()
        except (DBAPIError, NoConnectionFree):
            return
        yield GaugeMetricFamily("batch_oldest_pending_seconds", "Age of the oldest row that waits; 0: none", oldest)
        yield GaugeMetricFamily("batch_failed_rows", f"Rows that failed, counted up to {MOST_FAILED}", failed)
