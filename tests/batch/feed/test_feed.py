"""A reader who follows the feed sees every prediction, whatever the order of ids and commits."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, insert, text, update

from batch.feed import record_completions
from batch.feed.read import BadCursor, Cursor, read_feed
from batch.feed.write import record
from batch.predictor import Predictor
from batch.scope.scope import Scope
from batch.tables import Item, State
from tests.batch.api.test_api import Client, client_of
from tests.batch.commands import run
from tests.batch.conftest import add, count, fill, finish, new_runner, states

ROW = [5.1, 3.5, 1.4, 0.2]
ID = (Item.id,)


def predict(engine: Engine, model: Predictor, **options) -> None:
    runner = new_runner(engine, model, **options)
    record_completions(runner)
    finish(runner)


def follow(engine: Engine, cursor: Cursor, limit: int = 1_000) -> tuple[list[int], Cursor]:
    """Return the ids from a cursor to the end of the feed."""
    seen: list[int] = []
    while True:
        with engine.connect() as connection:
            rows, following = read_feed(connection, cursor, limit, ID)
        seen += [row.id for row in rows]
        if following == cursor:
            return seen, cursor
        cursor = following


def test_a_row_that_is_committed_late_comes_late_and_is_seen(mariadb: Engine, model: Predictor):
    with mariadb.connect() as slow:
        slow.execute(text("INSERT INTO items (`values`) VALUES ('[5.1, 3.5, 1.4, 0.2]')"))
        add(mariadb, *[ROW] * 3)
        predict(mariadb, model)
        seen, cursor = follow(mariadb, Cursor())
        slow.commit()
    predict(mariadb, model)
    assert (seen, follow(mariadb, cursor)[0]) == ([2, 3, 4], [1])


def test_a_reader_that_races_with_runners_misses_no_row_and_sees_none_twice(mariadb: Engine, model: Predictor):
    fill(mariadb, 400)
    rng = random.Random(1)
    event.listen(mariadb, "commit", lambda _: time.sleep(rng.random() / 200))
    writers = [threading.Thread(target=predict, args=(mariadb, model), kwargs={"chunk_rows": 3}) for _ in range(4)]
    for thread in writers:
        thread.start()
    seen, cursor = [], Cursor()
    while any(thread.is_alive() for thread in writers):
        new, cursor = follow(mariadb, cursor, limit=5)
        seen += new
    seen += follow(mariadb, cursor)[0]
    assert count(mariadb, State.DONE) == 400
    assert sorted(seen) == list(range(1, 401))


def test_two_runners_may_write_the_first_number_at_once(mariadb: Engine):
    together = threading.Barrier(2, timeout=60)

    def wait_for_the_other(connection, cursor, statement, *_) -> None:
        if statement.startswith("INSERT INTO feed_position"):
            together.wait()

    def write(row_id: int) -> None:
        with mariadb.begin() as connection:
            record(connection, [row_id])

    event.listen(mariadb, "before_cursor_execute", wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, (1, 2)))
    with mariadb.connect() as connection:
        numbers = connection.scalars(text("SELECT number FROM completions ORDER BY number")).all()
    assert numbers == [1, 2]


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
def test_the_feed_is_the_same_at_any_size_of_a_page(engine: Engine, model: Predictor, limit):
    add(engine, *[ROW] * 11)
    predict(engine, model, chunk_rows=4)
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id == 6).values(state=State.PENDING))
    predict(engine, model)
    rows = follow(engine, Cursor(), limit)[0]
    assert (rows, states(engine)) == ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 6], "d" * 11)


def test_a_row_that_is_predicted_again_comes_again(engine: Engine, model: Predictor):
    add(engine, ROW, ROW)
    predict(engine, model)
    cursor = follow(engine, Cursor())[1]
    with engine.begin() as connection:
        connection.execute(update(Item).values(model_version=0))
    runner = new_runner(engine, model)
    Scope(rescore=True).apply(runner)
    record_completions(runner)
    finish(runner)
    assert follow(engine, cursor)[0] == [1, 2]


def test_a_chunk_that_is_rolled_back_is_not_in_the_feed(mariadb: Engine, model: Predictor):
    add(mariadb, *[ROW] * 4)
    runner = new_runner(mariadb, model, chunk_rows=2, retry_seconds=0)
    record_completions(runner)
    write, calls = runner.write_done, []

    def fail_second(*given) -> None:
        write(*given)
        calls.append(given)
        if len(calls) == 2:
            raise ZeroDivisionError

    runner.write_done = fail_second
    with pytest.raises(ZeroDivisionError):
        finish(runner)
    predict(mariadb, model)
    with mariadb.connect() as connection:
        numbers = connection.scalars(text("SELECT number FROM completions ORDER BY number")).all()
    assert (follow(mariadb, Cursor())[0], numbers) == ([1, 2, 3, 4], [1, 2])


def test_rows_that_were_done_before_the_feed_are_its_beginning(database_url: str, model: Predictor):
    assert run("migrate", database_url).returncode == 0
    run("seed", database_url, "--rows", "5")
    run("job", database_url)
    from batch.database import connect
    from batch.settings import Settings

    engine = connect(Settings(database_url=database_url))
    with engine.begin() as connection:
        for statement in (
            "DROP TABLE completions",
            "DROP TABLE feed_position",
            "UPDATE alembic_version SET version_num = '0005'",
        ):
            connection.execute(text(statement))
    run("migrate", database_url)
    run("seed", database_url, "--rows", "2")
    run("job", database_url)
    assert follow(engine, Cursor(), 2)[0] == [1, 2, 3, 4, 5, 6, 7]
    engine.dispose()


def test_the_api_and_an_export_go_on_from_their_cursor(engine: Engine, artifacts: Path):
    client: Client = client_of(engine, artifacts)
    add(engine, *[ROW] * 3)
    run("job", engine, "--chunk-rows", "2")
    first = client.get("/data/predicted/feed?since=0&limit=2").json()
    rest = client.get(f"/data/predicted/feed?since={first['next']}").json()
    assert [[item["id"] for item in page["items"]] for page in (first, rest)] == [[1, 2], [3]]
    assert client.get(f"/data/predicted/feed?since={rest['next']}").json() == {"items": [], "next": rest["next"]}
    exported = run("export", engine, "-", "--since-cursor", first["next"])
    assert (len(exported.stdout.splitlines()), exported.stderr.splitlines()[0]) == (
        2,
        f"for what follows: --since-cursor {rest['next']}",
    )


def test_a_cursor_that_is_ahead_of_a_restored_table_is_refused(engine: Engine, model: Predictor):
    fill(engine, 20)
    predict(engine, model, chunk_rows=10)
    seen, cursor = follow(engine, Cursor())
    assert (len(seen), cursor.number) == (20, 2)
    with engine.connect() as connection, pytest.raises(BadCursor, match="is ahead of this feed"):
        read_feed(connection, Cursor(3, 60), 10, ID)


@pytest.mark.parametrize("cursor", ["", "x", "1.x", "-1", "9" * 20])
def test_a_text_that_is_not_a_cursor_is_refused(sqlite: Engine, artifacts: Path, cursor):
    refused = client_of(sqlite, artifacts).get(f"/data/predicted/feed?since={cursor}")
    assert (refused.status_code, "is not a cursor" in refused.json()["detail"]) == (422, True)


def test_a_row_that_somebody_else_has_made_done_is_refused_by_an_export_and_shown_in_the_feed(
    engine: Engine, artifacts: Path
):
    add(engine, ROW)
    with engine.begin() as connection:
        connection.execute(text("UPDATE items SET state = 'done', label = 'setosa'"))
        record(connection, [1])
    exported = run("export", engine, "-")
    fault = "row 1: it is done without a prediction; set it back to pending\n"
    assert (exported.returncode, exported.stderr) == (2, fault)
    (item,) = client_of(engine, artifacts).get("/data/predicted/feed?since=0").json()["items"]
    assert (item["id"], item["model_version"], item["prediction"]) == (1, None, None)


def test_rows_with_ids_below_1_are_on_every_page_in_the_export_and_in_the_feed(engine: Engine, artifacts: Path):
    client, ids = client_of(engine, artifacts), [-5, -1, 7]
    for row_id in ids:
        with engine.begin() as connection:
            connection.execute(insert(Item).values(id=row_id, values=ROW))
    run("job", engine, "--chunk-rows", "2")
    for path in ("/data/all", "/data/predicted"):
        first = client.get(f"{path}?limit=1").json()
        rest = client.get(f"{path}?after={first['next']}").json()
        assert [item["id"] for page in (first, rest) for item in page["items"]] == ids
    first = client.get("/data/predicted/feed?limit=1").json()
    rest = client.get(f"/data/predicted/feed?since={first['next']}").json()
    assert [item["id"] for page in (first, rest) for item in page["items"]] == ids
    for flags in ((), ("--since-cursor", "0")):
        lines = run("export", engine, "-", *flags).stdout.splitlines()[1:]
        assert [int(line.split(",")[0]) for line in lines] == ids
