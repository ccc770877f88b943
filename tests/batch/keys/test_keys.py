"""What was stored once is not stored twice, whichever way it is sent again."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text

from batch.keys import KeyTaken, add_once
from batch.tables import Item
from tests.batch.api.test_api import Client, client_of
from tests.batch.conftest import count_of, items

ROW, OTHER = [5.1, 3.5, 1.4, 0.2], [6.6, 3.0, 5.6, 2.0]
AGAIN = {"Idempotency-Key": "import-2026-11-25"}


@pytest.fixture
def client(engine: Engine, artifacts: Path) -> Client:
    return client_of(engine, artifacts)


def test_a_row_with_a_key_that_is_sent_again_is_the_same_row(client: Client, engine: Engine):
    first = client.post(json={"data": [ROW, OTHER, ROW], "keys": ["C-1", None, "c-1"]})
    again = client.post(json={"data": [OTHER, ROW, ROW], "keys": ["C-2", "c-1", "C-1"]})
    assert (first.json()["ids"], again.status_code) == ([1, 3, 2] if first.json()["ids"][1] == 3 else [1, 2, 3], 201)
    assert again.json()["ids"][1:] == [first.json()["ids"][2], first.json()["ids"][0]]
    assert sorted(str(item.key) for item in items(engine)) == ["C-1", "C-2", "None", "c-1"]


def test_a_key_with_other_values_is_refused_with_409_and_nothing_is_stored(client: Client, engine: Engine):
    client.post(json={"data": [ROW], "keys": ["C-1"]})
    refused = client.post(json={"data": [OTHER, OTHER], "keys": ["C-2", "C-1"]})
    assert (refused.status_code, refused.json()) == (
        409,
        {"detail": "key 'C-1' belongs to row 1, which has other values"},
    )
    twice = client.post(json={"data": [ROW, OTHER], "keys": ["C-3", "C-3"]})
    assert (twice.status_code, twice.json()["detail"]) == (409, "key 'C-3' comes twice, with other values")
    assert len(items(engine)) == 1


@pytest.mark.parametrize(
    ("keys", "detail"),
    [
        (["C-1"], "Value error, 1 keys for 2 rows"),
        (["C-1", ""], "keys[1]: String should match pattern"),
        (["C-1", " C-2"], "keys[1]: String should match pattern"),
        (["C" * 256, "C"], "keys[0]: String should have at most 255 characters"),
        ([1, 2], "keys[0]: Input should be a valid string"),
    ],
)
def test_a_key_that_the_table_cannot_hold_is_refused(client: Client, engine: Engine, keys, detail):
    refused = client.post(json={"data": [ROW, ROW], "keys": keys})
    assert (refused.status_code, detail in refused.json()["detail"]) == (422, True), refused.json()
    assert items(engine) == []


def test_a_request_with_an_idempotency_key_gets_its_first_answer_again(client: Client, engine: Engine):
    answers = [client.post(json={"data": [ROW, OTHER]}, headers=AGAIN).json() for _ in range(3)]
    assert answers == [{"ids": [1, 2]}] * 3
    refused = client.post(json={"data": [ROW]}, headers=AGAIN)
    assert (refused.status_code, refused.json()["detail"]) == (
        409,
        "Idempotency-Key 'import-2026-11-25' was used for other rows",
    )
    assert len(items(engine)) == 2


def test_requests_with_the_same_keys_at_once_store_their_rows_once(mariadb: Engine, artifacts: Path):
    together, answers = threading.Barrier(6), []
    client = client_of(mariadb, artifacts)

    def post(number: int) -> None:
        together.wait(60)
        headers = AGAIN if number % 2 else {}
        answers.append(client.post(json={"data": [ROW, OTHER], "keys": ["C-1", "C-2"]}, headers=headers))

    threads = [threading.Thread(target=post, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert {answer.status_code for answer in answers} <= {201, 503}  # 503: a deadlock, which may be sent again
    assert len({tuple(answer.json()["ids"]) for answer in answers if answer.status_code == 201}) == 1
    assert len(items(mariadb)) == 2


def test_requests_are_remembered_for_a_week(client: Client, engine: Engine):
    client.post(json={"data": [ROW]}, headers=AGAIN)
    with engine.begin() as connection:
        connection.execute(text("UPDATE posts SET created_at = '2026-01-01 00:00:00'"))
    client.post(json={"data": [ROW]}, headers={"Idempotency-Key": "another"})
    assert count_of(engine, "posts") == 1


def test_a_page_shows_the_key_of_a_row(client: Client, engine: Engine):
    with engine.begin() as connection:
        add_once(connection, [(ROW, "C-1")])
    assert client.get("/data/all").json()["items"][0]["key"] == "C-1"
    with pytest.raises(KeyTaken), engine.begin() as connection:
        add_once(connection, [(OTHER, "C-1")])


@pytest.mark.parametrize(("stored", "keys"), [("C-1 ", ["C-1"]), ("c-2", ["C-2"]), ("c-3", ["C-4", "c-4"])])
def test_keys_that_the_table_takes_for_one_are_refused(mariadb: Engine, artifacts: Path, stored, keys):
    collation = "bin" if stored.endswith(" ") else "general_ci"
    with mariadb.begin() as connection:
        connection.execute(text(f"ALTER TABLE items CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_{collation}"))
        connection.execute(insert(Item).values(key=stored, values=ROW))
    refused = client_of(mariadb, artifacts).post(json={"data": [ROW] * len(keys), "keys": keys})
    assert (refused.status_code, "equates it with another key" in refused.json()["detail"]) == (409, True)
    assert [item.key for item in items(mariadb)] == [stored]


def test_a_request_is_not_answered_with_the_rows_of_another_key(mariadb: Engine, artifacts: Path):
    client = client_of(mariadb, artifacts)
    with mariadb.begin() as connection:
        connection.execute(text("ALTER TABLE posts CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"))
    answers = [client.post(json={"data": [ROW]}, headers={"Idempotency-Key": key}) for key in ("Ab", "aB")]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert "equates it with 'Ab'; use another" in answers[1].json()["detail"]


def test_requests_with_the_same_keys_in_other_orders_do_not_deadlock(mariadb: Engine, artifacts: Path):
    client = client_of(mariadb, artifacts)

    def post(number: int) -> int:
        keys = [f"C-{number // 8}-{place}" for place in range(100)]
        random.Random(number).shuffle(keys)
        return client.post(json={"data": [ROW] * 100, "keys": keys}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert {*pool.map(post, range(64))} == {201}
    assert len(items(mariadb)) == 800
