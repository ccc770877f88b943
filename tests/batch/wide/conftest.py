from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from batch.database import connect
from batch.settings import Settings
from tests.batch.commands import url

LIMIT = 65_536  # bytes


@pytest.fixture
def small(mariadb: Engine) -> Iterator[Engine]:
    """A database that accepts statements of at most 64 KiB."""
    with mariadb.begin() as connection:
        before = connection.execute(text("SELECT @@GLOBAL.max_allowed_packet")).scalar_one()
        connection.execute(text(f"SET GLOBAL max_allowed_packet = {LIMIT}"))
    engine = connect(Settings(database_url=url(mariadb)))
    yield engine
    engine.dispose()
    with mariadb.begin() as connection:
        connection.execute(text(f"SET GLOBAL max_allowed_packet = {before}"))
