import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio.to_thread
import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text, update

from batch.api import queries, unread_body
from batch.api.app import build_app, create_app
from batch.api.metrics import oldest_pending
from batch.artifact import open_artifact
from batch.database import connect
from batch.migrate.schema import REVISION, upgrade
from batch.predictor import Predictor
from batch.settings import Settings
from batch.tables import Item, State
from local import servers
from tests.batch.conftest import add, finish, items, new_runner

ROW = [5.1, 3.5, 1.4, 0.2]


class Client:
    """One request at a time through the whole application, without a network."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get(self, path: str) -> httpx.Response:
        return self.request("GET", path)

    def post(self, **options: Any) -> httpx.Response:
        return self.request("POST", "/data", **options)


def client_of(engine: Engine, artifacts: Path) -> Client:
    return Client(build_app(open_artifact(artifacts / "iris").manifest, engine))


@pytest.fixture
def client(engine: Engine, artifacts: Path) -> Client:
    return client_of(engine, artifacts)


@pytest.fixture
def embedded(sqlite: Engine, artifacts: Path) -> Client:
    return client_of(sqlite, artifacts)


def walk(client: Client, path: str, limit: int) -> list[int]:
    ids: list[int] = []
    after: int | None = 0
    while after is not None:
        page = client.get(f"{path}?after={after}&limit={limit}").json()
        ids, after = ids + [item["id"] for item in page["items"]], page["next"]
    return ids


def test_added_rows_are_stored_before_the_answer_and_predicted_by_the_job(
    client: Client, engine: Engine, model: Predictor
):
    added = client.post(json={"data": [ROW, [6.6, 3, 5.6, 2]]})
    assert (added.status_code, added.json()) == (201, {"ids": [1, 2]})
    assert [item.values for item in items(engine)] == [ROW, [6.6, 3.0, 5.6, 2.0]]
    finish(new_runner(engine, model))
    predicted = client.get("/data/predicted").json()["items"]
    assert [(item["id"], item["label"], len(item["prediction"])) for item in predicted] == [
        (1, "setosa", 3),
        (2, "virginica", 3),
    ]


def test_the_three_lists_are_complete_at_any_page_size(client: Client, engine: Engine, model: Predictor):
    add(engine, *[ROW] * 5, [1.0], *[ROW] * 5)
    finish(new_runner(engine, model))
    add(engine, *[ROW] * 4)
    assert walk(client, "/data/all", 4) == list(range(1, 16))
    assert walk(client, "/data/predicted", 3) == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11]
    assert walk(client, "/data/unpredicted", 2) == [6, 12, 13, 14, 15]


def test_a_row_of_sqlite_that_is_not_utf_8_fails_alone_and_is_shown(embedded: Client, sqlite: Engine, model: Predictor):
    add(sqlite, ROW, ROW)
    with sqlite.begin() as connection:
        connection.execute(text("""UPDATE items SET "values" = CAST(x'5b22ff225d' AS TEXT) WHERE id = 1"""))
        connection.execute(text("""UPDATE items SET "key" = CAST(x'4df66e' AS TEXT) WHERE id = 2"""))
    assert finish(new_runner(sqlite, model)).failed == {1}
    odd, good = embedded.get("/data/all").json()["items"]
    assert (odd["values"], odd["reason"][:12], good["key"], good["label"]) == (
        r'["\xff"]',
        "Invalid JSON",
        r"M\xf6n",
        "setosa",
    )


def test_a_stored_row_shows_everything_about_it(client: Client, engine: Engine, model: Predictor):
    add(engine, ROW, "text")
    finish(new_runner(engine, model))
    done, failed = client.get("/data/all").json()["items"]
    assert datetime.now(UTC) - datetime.fromisoformat(done["updated_at"]) < timedelta(minutes=1)
    shown = ("values", "state", "label", "model_version", "attempts", "reason")
    assert [done[name] for name in shown] == [ROW, "done", "setosa", 1, 1, None]
    assert [failed[name] for name in shown] == ["text", "failed", None, None, 1, "Input should be a valid array"]


def test_stored_values_that_python_cannot_read_or_write_do_not_break_a_page(embedded: Client, sqlite: Engine):
    odd = ["[1e400, 1]", "[" + "9" * 5000 + "]", '"\\ud800"', "[" * 900 + "]" * 900, "[" * 150 + "]" * 150]
    with sqlite.begin() as connection:
        for stored in odd:
            connection.exec_driver_sql("INSERT INTO items (`values`) VALUES (?)", (stored,))
    shown = [item["values"] for item in embedded.get("/data/all").json()["items"]]
    assert shown == [[None, 1], *odd[1:4], json.loads(odd[4])]


bad_value = st.text() | st.booleans() | st.none() | st.just(1e39) | st.lists(st.integers(), max_size=2)
row = st.lists(st.floats(-1e38, 1e38), min_size=4, max_size=4)
data = st.lists(row | st.lists(st.floats() | st.integers() | bad_value, max_size=6) | bad_value, max_size=6)


def storable(row: Any) -> bool:
    return (
        isinstance(row, list)
        and len(row) == 4
        and all(type(value) in (int, float) and abs(value) <= 3.4028234663852886e38 for value in row)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data)
def test_a_request_is_stored_whole_or_refused_with_a_reason(embedded: Client, data: list[Any]):
    answer = embedded.post(content=json.dumps({"data": data}))
    if data and all(storable(row) for row in data):
        assert (answer.status_code, len(answer.json()["ids"])) == (201, len(data))
    else:
        assert answer.status_code == 422
        assert answer.json()["detail"].startswith("data")


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"data": [ROW, [1, 2, 3]]}, "data[1]: List should have at least 4 items after validation, not 3"),
        ({"data": [ROW, [1, 2, "3", 4]]}, "data[1][2]: Input should be a valid number"),
        ({"data": [ROW] * 1001}, "data: List should have at most 1000 items after validation, not 1001"),
        ({"data": []}, "data: List should have at least 1 item after validation, not 0"),
        ({}, "data: Field required"),
        ({"data": [ROW], "x" * 9999: 1}, "xxx"),
        (b"[" * 100_000, "body: Invalid JSON: recursion limit exceeded"),
        (b'{"data": "\xff"}', "body: Invalid JSON: "),
        (b"", "body: Invalid JSON: EOF"),
        (b'{"data": [[5, 3, 1, 0]], "data": [[6, 3, 1, 0]]}', "body: the name 'data' comes twice in one object"),
        (
            b'{"data": [{"float_input": [5, 3, 1, 0], "float_input": [6, 3, 1, 0]}]}',
            "body: the name 'float_input' comes",
        ),
        (b'{"data": [[5, 3, 1, 0]], "keys": ["a:b"], "keys": ["c:d"]}', "body: the name 'keys' comes twice"),
    ],
)
def test_a_bad_request_names_the_field_and_the_limit(embedded: Client, sqlite: Engine, body, detail):
    answer = embedded.post(content=body if isinstance(body, bytes) else json.dumps(body))
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)
    assert len(answer.content) < 1000
    assert items(sqlite) == []


def test_colons_in_keys_are_no_names(embedded: Client, sqlite: Engine):
    rows = {"data": [ROW, {"float_input": ROW}], "keys": ["urn:isbn:1", "urn:isbn:2"]}
    assert embedded.post(json=rows).status_code == 201
    assert [item.key for item in items(sqlite)] == rows["keys"]


def test_an_endless_body_is_refused_at_the_limit(embedded: Client):
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    answer = embedded.post(content=endless())
    assert (answer.status_code, answer.json()["detail"]) == (413, "body: more than 1048576 bytes")
    assert sent < 1_300_000 + unread_body.MAX_BYTES  # what is discarded takes no memory


@pytest.mark.parametrize(
    ("query", "detail"),
    [
        (f"after={-(2**63)}", "after: Input should be greater than or equal to -9223372036854775807"),
        (f"after={2**63}", "after: Input should be less than or equal to 9223372036854775807"),
        ("after=first", "after: Input should be a valid integer"),
        ("limit=0", "limit: Input should be greater than or equal to 1"),
        ("limit=1001", "limit: Input should be less than or equal to 1000"),
    ],
)
def test_an_impossible_page_is_refused(embedded: Client, query, detail):
    answer = embedded.get(f"/data/all?{query}")
    assert (answer.status_code, answer.json()["detail"].startswith(detail)) == (422, True)


def test_the_model_and_the_requests_are_described(embedded: Client):
    assert embedded.get("/label").json() == {"labels": ["setosa", "versicolor", "virginica"]}
    assert embedded.get("/metadata").json()["inputs"] == [
        {"name": "float_input", "dtype": "float32", "shape": [None, 4]}
    ]
    embedded.get("/data/all?limit=0")
    assert 'batch_api_requests_total{route="/data/all",status="422"} 1.0' in embedded.get("/metrics").text


def test_a_model_without_labels_has_none(sqlite: Engine, artifacts: Path):
    manifest = open_artifact(artifacts / "iris").manifest
    unlabelled = {name: value for name, value in manifest.items() if name != "labels"}
    assert Client(build_app(unlabelled, sqlite)).get("/label").json() == {"labels": []}


def test_the_version_of_the_model_is_the_number_of_its_folder(artifacts: Path, tmp_path: Path, monkeypatch):
    shutil.copytree(artifacts / "iris" / "1", tmp_path / "iris" / "7")
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "iris"))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/batch.sqlite3")
    app = create_app()
    assert (app.version, Client(app).get("/metadata").json()["version"]) == ("7", 7)


def test_an_unhandled_error_is_counted_too(monkeypatch, embedded: Client):
    monkeypatch.setattr(queries, "page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):  # what the server answers with a 500
        embedded.get("/data/all")
    assert 'batch_api_requests_total{route="/data/all",status="500"} 1.0' in embedded.get("/metrics").text


def test_a_client_that_disconnects_within_its_body_is_counted_as_400(embedded: Client):
    messages = [{"type": "http.request", "body": b"[", "more_body": True}, {"type": "http.disconnect"}]
    scope = {"type": "http", "method": "POST", "path": "/data", "query_string": b"", "headers": []}

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(_: dict[str, Any]) -> None: ...

    asyncio.run(embedded.app(scope, receive, send))
    assert 'batch_api_requests_total{route="/data",status="400"} 1.0' in embedded.get("/metrics").text


@pytest.mark.parametrize("path", ["/health", "/label", "/metadata"])
def test_endpoints_without_the_database_answer_while_every_thread_waits_for_it(embedded: Client, path):
    async def ask() -> int:
        transport = httpx.ASGITransport(embedded.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            threads = anyio.to_thread.current_default_thread_limiter()
            threads.total_tokens = 1
            async with threads, asyncio.timeout(60):
                return (await client.get(path)).status_code

    assert asyncio.run(ask()) == 200


def test_the_metrics_show_how_long_a_row_has_waited_and_how_many_failed(client: Client, engine: Engine):
    add(engine, ROW, ROW, [1.0])
    with engine.begin() as connection:
        connection.execute(update(Item).where(Item.id == 3).values(state=State.FAILED))
        connection.execute(update(Item).where(Item.id == 1).values(created_at=datetime(2020, 1, 1)))
    shown = dict(re.findall(r"^(batch_\w+) (\S+)$", client.get("/metrics").text, re.M))
    assert float(shown["batch_oldest_pending_seconds"]) > 86_400
    assert float(shown["batch_failed_rows"]) == 1


def test_the_age_of_a_row_that_was_set_back_is_shown_and_costs_few_entries_of_the_index(mariadb: Engine):
    add(mariadb, *[ROW] * 300)
    with mariadb.begin() as connection:
        connection.execute(update(Item).where(Item.id > 9).values(model_version=1, created_at=datetime(2020, 1, 1)))
        connection.execute(update(Item).where(Item.id > 99).values(model_version=5))
    with mariadb.begin() as connection:
        connection.execute(text("FLUSH STATUS"))
        assert oldest_pending(connection) == datetime(2020, 1, 1)
        status = dict(connection.execute(text("SHOW SESSION STATUS LIKE 'Handler_read%'")).all())
    assert sum(map(int, status.values())) < 20


def test_openapi_shows_the_real_shapes(embedded: Client):
    paths = embedded.get("/openapi.json").json()["paths"]
    post = paths["/data"]["post"]
    assert post["requestBody"]["content"]["application/json"]["schema"]["properties"]["data"]["maxItems"] == 1000
    assert set(post["responses"]) == {"201", "409", "413", "422", "503"}
    problem = paths["/data/all"]["get"]["responses"]["422"]["content"]["application/json"]["schema"]
    assert problem == {"$ref": "#/components/schemas/Problem"}


def test_the_service_survives_a_database_that_stops_and_restarts(start, free_port: Callable[[], int], server):
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    argv = [sys.executable, "-m", "uvicorn", "--factory", "batch.api:create_app", "--port", str(port)]
    start("api", argv, lambda: servers.answers(f"{url}/health"), {"DATABASE_URL": server.url})

    def get(path: str) -> httpx.Response:
        return httpx.get(f"{url}{path}", timeout=60)

    def add_row() -> int:
        return httpx.post(f"{url}/data", json={"data": [ROW]}, timeout=60).status_code

    assert get("/ready").text.startswith('{"detail":"database unavailable: (2003, ')
    running = server()
    assert get("/ready").text.startswith(
        '{"detail":"the database lacks a table or an index, run `python -m batch.migrate`'
    )
    engine = connect(Settings(database_url=server.url))
    upgrade(engine)
    engine.dispose()
    assert (add_row(), get("/ready").status_code) == (201, 200)
    running.stop()
    running = server()
    assert add_row() == 201  # the first request after a restart, on connections that were lost
    running.stop()
    assert (add_row(), get("/ready").status_code) == (503, 503)
    shown = get("/metrics")
    assert (shown.status_code, "batch_failed_rows" in shown.text) == (200, False)
    server()
    assert len(get("/data/all").json()["items"]) == 2


def test_an_older_schema_is_refused_until_it_is_upgraded(mariadb: Engine, artifacts: Path):
    with mariadb.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    client = client_of(mariadb, artifacts)
    line = f"the database has schema 0001, this program needs {REVISION}: run `python -m batch.migrate`"
    for answer in (client.get("/ready"), client.get("/data/all"), client.post(json={"data": [ROW]})):
        assert (answer.status_code, answer.json()) == (503, {"detail": line})
    upgrade(mariadb)
    assert [client.get(path).status_code for path in ("/data/all", "/ready")] == [200, 200]


def test_a_refused_artefact_ends_the_start_with_one_line(tmp_path: Path):
    argv = [sys.executable, "-m", "uvicorn", "--factory", "batch.api:create_app", "--port", "0"]
    env = os.environ | {"MODEL_DIR": str(tmp_path)}
    ended = subprocess.run(argv, env=env, capture_output=True, text=True, check=False, timeout=200)
    assert (ended.returncode, ended.stderr) == (5, f"{tmp_path} holds no model version; build one with `make models`\n")
