from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, text, update
from sqlalchemy.orm import Session

from batch import queries as job_queries
from batch.api import queries
from batch.tables import Item, State
from tests.batch.api.test_api import client_of
from tests.batch.commands import run
from tests.batch.conftest import add, items

ROW = [5.1, 3.5, 1.4, 0.2]


def walk(session: Session, wanted: tuple[State, ...] | None, limit: int) -> Iterator[list[int]]:
    after: int | None = 0
    while after is not None:
        page, after = queries.page(session, wanted, after, limit)
        yield [item.id for item in page]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    placed=st.lists(st.sampled_from(State), max_size=30),
    limit=st.integers(1, 8),
    wanted=st.sampled_from([None, (State.DONE,), (State.PENDING, State.FAILED)]),
)
def test_pages_hold_every_row_of_the_states_once_by_rising_id(engine: Engine, placed, limit, wanted):
    with Session(engine) as session:
        session.execute(delete(Item))
        session.add_all([Item(id=5 * i, values=ROW, state=state) for i, state in enumerate(placed, 1)])
        session.flush()
        pages = list(walk(session, wanted, limit))
    assert [row_id for page in pages for row_id in page] == [
        5 * i for i, state in enumerate(placed, 1) if wanted is None or state in wanted
    ]
    assert {len(page) for page in pages[:-1]} <= {limit}


def test_paging_misses_none_of_the_rows_that_were_there_while_others_are_added_and_predicted(mariadb: Engine):
    add(mariadb, *[ROW] * 60)
    seen: list[int] = []
    with Session(mariadb) as session:
        for page in walk(session, (State.PENDING, State.FAILED), 7):
            seen += page
            add(mariadb, ROW)
            with mariadb.begin() as connection:
                job_queries.write_failed(connection, {page[0]: "no", page[-1] + 1: "no"})
    assert seen[:60] == list(range(1, 61))
    assert seen == sorted(set(seen))


def test_a_page_of_waiting_rows_does_not_read_the_predicted_ones(mariadb: Engine):
    add(mariadb, *[ROW] * 3000)
    with mariadb.begin() as connection:
        connection.execute(update(Item).where(Item.id < 2990).values(state=State.DONE))
    with Session(mariadb) as session:
        session.execute(text("FLUSH STATUS"))
        page, following = queries.page(session, (State.PENDING, State.FAILED), 0, 10)
        status = dict(session.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all())
    assert ([item.id for item in page], following) == (list(range(2990, 3000)), 2999)
    assert sum(map(int, status.values())) < 40


def test_ids_come_back_in_the_order_of_the_rows(engine: Engine):
    with engine.begin() as connection:
        ids = queries.add(connection, [([float(i)], None) for i in range(50)])
    assert [(item.id, item.values) for item in items(engine)] == [(ids[i], [float(i)]) for i in range(50)]


OLDEST = [("created_at", "0000-00-00 00:00:00"), ("created_at", "2025-01-31T12:00:00+09:00")]
ODD = [
    ("values", "5", 5),
    ("prediction", '"setosa"', "setosa"),
    ("prediction", '{"label":"x","score":0.9}', {"label": "x", "score": 0.9}),
    ("prediction", "0.5", 0.5),
    ("state", "", ""),
    ("created_at", "27.11.2026", "27.11.2026"),
    ("created_at", "2025-01-31T12:00:00+09:00", "2025-01-31T12:00:00+09:00"),
    ("created_at", "0000-00-00 00:00:00", "0000-00-00 00:00:00"),
    ("updated_at", "0000-00-00 00:00:00", "0000-00-00 00:00:00"),
]


@pytest.mark.parametrize(("column", "stored", "shown"), ODD)
def test_a_row_that_another_program_has_written_is_shown_beside_the_others(
    engine: Engine, artifacts: Path, column, stored, shown
):
    add(engine, ROW, ROW)
    sqlite = engine.dialect.name == "sqlite"
    if not sqlite and column == "created_at":
        stored = shown = "0000-00-00 00:00:00"  # a server stores no other text
    with engine.begin() as connection:
        connection.execute(text("PRAGMA ignore_check_constraints = 1" if sqlite else "SET sql_mode = 'ANSI_QUOTES'"))
        connection.execute(text(f'UPDATE items SET "{column}" = :stored WHERE id = 2'), {"stored": stored})
    engine.dispose()  # the settings of its connection go, too
    client = client_of(engine, artifacts)
    assert [row[column] for row in client.get("/data/all").json()["items"]][1] == shown
    assert {client.get(path).status_code for path in ("/data/unpredicted", "/metrics", "/ready")} == {200}
    done = run("status", engine)
    assert (done.returncode, "Traceback" in done.stderr) == (2 if (column, shown) in OLDEST else 0, False)
