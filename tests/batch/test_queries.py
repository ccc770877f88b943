import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from batch import queries, selection
from batch.predictor import Scored
from batch.scope import EVERY_ROW
from batch.tables import Item, State
from tests.batch.conftest import add, items, states

ROW = [5.1, 3.5, 1.4, 0.2]


def claimed(connection, limit=100, state=State.PENDING, after=0):
    return [row_id for row_id, _ in queries.claim(connection, state, after, limit)]


def test_a_claim_passes_over_rows_that_another_transaction_holds(mariadb: Engine):
    add(mariadb, *[ROW] * 5)
    with mariadb.begin() as one, mariadb.begin() as other:
        assert claimed(one, limit=2) == [1, 2]
        assert claimed(other) == [3, 4, 5]


def test_a_claim_keeps_nobody_from_adding_rows(mariadb: Engine):
    add(mariadb, *[ROW] * 3)
    with mariadb.begin() as connection:
        connection.execute(text("SET innodb_lock_wait_timeout = 1"))
        assert claimed(connection) == [1, 2, 3]
        add(mariadb, ROW)
    assert states(mariadb) == "pppp"


def test_rows_whose_attempts_are_used_up_are_not_counted_as_work(engine: Engine):
    add(engine, *[ROW] * 4)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id == 1).values(state=State.FAILED, attempts=3))
        connection.execute(update(Item).where(Item.id == 2).values(state=State.FAILED, attempts=2))
        connection.execute(update(Item).where(Item.id == 3).values(state=State.DONE, attempts=1))
        found = [selection.waiting(connection, EVERY_ROW, 1, attempts) for attempts in (3, 1, None)]
    assert [(counts[State.PENDING], counts[State.FAILED]) for counts in found] == [(1, 1), (1, 0), (1, 2)]


def test_on_sqlite_a_second_claim_waits_for_the_first_transaction(sqlite: Engine):
    add(sqlite, *[ROW] * 3)
    seen: list[int] = []

    def second() -> None:
        with sqlite.begin() as connection:
            seen.extend(claimed(connection))

    with sqlite.begin() as connection:
        ids = claimed(connection, limit=2)
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.2)
        assert waiting.is_alive()
        queries.write_failed(connection, dict.fromkeys(ids, "taken"), 1)
    waiting.join(10)
    assert (ids, seen) == ([1, 2], [3])


def test_a_claim_reads_the_rows_it_returns_and_not_the_table(mariadb: Engine):
    add(mariadb, *[ROW] * 3000)
    with mariadb.begin() as connection:
        connection.execute(update(Item).where(Item.id.not_in([1500, 2999])).values(state=State.DONE))
    with mariadb.begin() as connection:
        connection.execute(text("FLUSH STATUS"))
        assert claimed(connection) == [1500, 2999]
        status = dict(connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all())
    assert sum(map(int, status.values())) < 20


def test_a_write_touches_the_rows_it_was_given_and_none_between(engine: Engine):
    add(engine, *[ROW] * 9)
    before = items(engine)
    with engine.begin() as connection:
        queries.write_done(connection, [Scored(2, "[0.5]", "it's 100%"), Scored(8, "[0.25]", "b")], 7)
        queries.write_failed(connection, {4: "no", 6: "no"}, 7)
    after = items(engine)
    assert [(row.prediction, row.label, row.reason) for row in after[1::2]] == [
        ([0.5], "it's 100%", None),
        (None, None, "no"),
        (None, None, "no"),
        ([0.25], "b", None),
    ]
    columns = Item.__mapper__.columns.keys()
    for old, new in list(zip(before, after, strict=True))[::2]:
        assert [getattr(old, name) for name in columns] == [getattr(new, name) for name in columns]


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
                queries.write_failed(connection, {page[0]: "no", page[-1] + 1: "no"}, 1)
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
    with Session(engine) as session, session.begin():
        ids = queries.add(session, [[float(i)] for i in range(50)])
    assert [(item.id, item.values) for item in items(engine)] == [(ids[i], [float(i)]) for i in range(50)]


@pytest.mark.parametrize("not_json", ["nonsense", "[NaN]", ""])
def test_the_table_takes_no_values_that_are_not_json(engine: Engine, not_json):
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("INSERT INTO items (`values`) VALUES (:text)"), {"text": not_json})
    assert items(engine) == []
