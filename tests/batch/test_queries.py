import pytest
from sqlalchemy import Engine, text, update
from sqlalchemy.exc import DBAPIError

from batch import fast, queries
from batch.policies.options import with_failed
from batch.queries import Part
from batch.schemas import Predicted
from batch.tables import Item, State
from tests.batch.conftest import add, items, states

ROW = [5.1, 3.5, 1.4, 0.2]


def claimed(connection, limit=100):
    return [row.id for row in Part(State.PENDING).claim(connection, None, limit)]


def test_a_claim_skips_rows_that_another_transaction_has_locked(mariadb: Engine):
    add(mariadb, *[ROW] * 5)
    with mariadb.begin() as one, mariadb.begin() as other:
        assert claimed(one, limit=2) == [1, 2]
        assert claimed(other) == [3, 4, 5]


def test_a_claim_does_not_block_inserts(mariadb: Engine):
    add(mariadb, *[ROW] * 3)
    with mariadb.begin() as connection:
        connection.execute(text("SET innodb_lock_wait_timeout = 1"))
        assert claimed(connection) == [1, 2, 3]
        add(mariadb, ROW)
    assert states(mariadb) == "pppp"


def test_rows_whose_attempts_are_used_up_are_not_counted_as_work(engine: Engine):
    parts = [with_failed([Part(State.PENDING)], attempts) for attempts in (3, 1, None)]
    add(engine, *[ROW] * 4)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id == 1).values(state=State.FAILED, attempts=3))
        connection.execute(update(Item).where(Item.id == 2).values(state=State.FAILED, attempts=2))
        connection.execute(update(Item).where(Item.id == 3).values(state=State.DONE, attempts=1))
        failed, pending = zip(*parts, strict=True)
        assert [len(part.claim(connection, None, 9)) for part in failed] == [1, 0, 2]
        assert [len(part.claim(connection, None, 9)) for part in pending] == [1, 1, 1]
        assert [queries.count(connection, each) for each in parts] == [2, 1, 3]


def test_a_claim_reads_the_rows_it_returns_and_not_the_table(mariadb: Engine):
    add(mariadb, *[ROW] * 3000)
    with mariadb.begin() as connection:
        connection.execute(update(Item).where(Item.id.not_in([1500, 2999])).values(state=State.DONE))
    with mariadb.begin() as connection:
        connection.execute(text("FLUSH STATUS"))
        assert claimed(connection) == [1500, 2999]
        status = dict(connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all())
    assert sum(map(int, status.values())) < 20


@pytest.mark.parametrize("write_done", [queries.write_done, fast.write_done], ids=["plain", "fast"])
def test_a_write_touches_the_rows_it_was_given_and_none_between(engine: Engine, write_done):
    add(engine, *[ROW] * 9)
    before = items(engine)
    with engine.begin() as connection:
        write_done(connection, [Predicted(2, "[0.5]", "it's 100%"), Predicted(8, "[0.25]", "b")], 7)
        queries.write_failed(connection, {4: "no", 6: "no"})
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


@pytest.mark.parametrize("not_json", ["nonsense", "[NaN]", ""])
def test_the_table_refuses_values_that_are_not_json(engine: Engine, not_json):
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.execute(text("INSERT INTO items (`values`) VALUES (:text)"), {"text": not_json})
    assert items(engine) == []
