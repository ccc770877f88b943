import asyncio
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from web_single.app import build_app
from web_single.model import Model
from web_single.settings import Settings

from .conftest import Client

ROW = b"[5.1, 3.5, 1.4, 0.2]"
WRONG = {
    "nan": (b'{"data": [[1, 2, 3, NaN]]}', "data[0][3]: Input should be a finite number"),
    "infinity": (b'{"data": [[1, 2, 3, -Infinity]]}', "data[0][3]: Input should be a finite number"),
    "beyond float64": (b'{"data": [[1, 2, 3, 1e400]]}', "data[0][3]: Input should be a finite number"),
    "beyond float32": (b'{"data": [[1, 2, 1e39, 4]]}', "data[0][2]: Input should be less than or equal to 340282346"),
    "below float32": (b'{"data": [[-1e39, 2, 3, 4]]}', "data[0][0]: Input should be greater than or equal to -3402823"),
    "huge integer": (b'{"data": [[' + b"9" * 5000 + b", 2, 3, 4]]}", "body: Invalid JSON: number out of range"),
    "string": (b'{"data": [[1, 2, 3, "4"]]}', "data[0][3]: Input should be a valid number"),
    "boolean": (b'{"data": [[1, 2, 3, true]]}', "data[0][3]: Input should be a valid number"),
    "null": (b'{"data": [[1, 2, 3, null]]}', "data[0][3]: Input should be a valid number"),
    "ragged": (b'{"data": [[1, 2, 3, 4], [1, 2, 3]]}', "data[1]: List should have at least 4 items"),
    "too wide": (b'{"data": [[1, 2, 3, 4, 5]]}', "data[0]: List should have at most 4 items"),
    "no rows": (b'{"data": []}', "data: List should have at least 1 item"),
    "empty row": (b'{"data": [[]]}', "data[0]: List should have at least 4 items"),
    "one row, not nested": (b'{"data": [1, 2, 3, 4]}', "data[0]: Input should be a valid array"),
    "nested too deep": (b'{"data": [[[1, 2, 3, 4]]]}', "data[0][0]: Input should be a valid number"),
    "not a list": (b'{"data": {"0": 1}}', "data: Input should be a valid array"),
    "unknown field": (b'{"data": [' + ROW + b'], "colour": "blue"}', "colour: Extra inputs are not permitted"),
    "missing field": (b"{}", "data: Field required"),
    "not an object": (b"[" + ROW + b"]", "body: Input should be an object"),
    "no body": (b"", "body: Invalid JSON: EOF"),
    "invalid utf-8": (b'{"\xff": 1}', "body: Invalid JSON: invalid unicode code point"),
    "cut off": (b'{"data": [[1, 2', "body: Invalid JSON: EOF"),
    "more than one value": (b'{"data": [' + ROW + b"]} {}", "body: Invalid JSON: trailing characters"),
    "bottomless": (b'{"data": ' + b"[" * 100_000, "body: Invalid JSON: recursion limit exceeded"),
    "many unknown fields": (
        b"{" + b", ".join(b'"%d": 1' % i for i in range(1000)) + b"}",
        "body: the only field is data",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_body_is_refused_with_the_field_and_the_limit(client: Client, name: str) -> None:
    body, reason = WRONG[name]
    answer = client.send(body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(reason)


def test_a_reason_never_echoes_a_long_field(client: Client) -> None:
    answer = client.send(b'{"data": [' + ROW + b'], "' + b"x" * 100_000 + b'": 1}')
    assert answer.status_code == 422
    assert len(answer.content) < 200


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonx"])
def test_a_body_that_is_not_declared_as_json_is_refused(client: Client, content_type: str) -> None:
    answer = client.send(b'{"data": [' + ROW + b"]}", **{"content-type": content_type})
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("content-type: must be application/json")


def test_the_content_type_may_name_a_charset(client: Client) -> None:
    answer = client.send(b'{"data": [' + ROW + b"]}", **{"content-type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == 200


def test_rows_up_to_the_limit_are_answered_and_one_more_is_not(model: Model) -> None:
    client = Client(build_app(Settings(max_rows=50), model))
    assert len(client.post("/predict", json={"data": [[1, 2, 3, 4]] * 50}).json()["prediction"]) == 50
    refused = client.post("/predict", json={"data": [[1, 2, 3, 4]] * 51})
    assert (refused.status_code, "at most 50 items" in refused.json()["detail"]) == (422, True)


@pytest.mark.parametrize("path", ["/predict", "/v2/models/iris/infer"])
def test_a_client_that_closes_the_connection_is_refused_and_not_an_internal_error(client: Client, path: str) -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "path": path, "query_string": b""}
    scope["headers"] = [(b"content-type", b"application/json")]
    sent = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    asyncio.run(client.app(scope, receive, send))
    assert (sent[0]["status"], b"connection closed before its end" in sent[1]["body"]) == (400, True)


def test_a_body_that_arrives_in_pieces_is_read_whole(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in b'{"data": [' + ROW + b"]}":
            yield bytes([byte])

    assert client.send(pieces()).json() == client.send(b'{"data": [' + ROW + b"]}").json()


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
tables = st_numpy.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(4)), elements=numbers)
fixture_is_stateless = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fixture_is_stateless
@given(table=tables)
def test_n_rows_in_give_n_rows_out_equal_to_the_session(client: Client, model: Model, table: np.ndarray) -> None:
    answer = client.post("/predict", json={"data": table.tolist()})
    direct = model.session.run(["probabilities"], {"float_input": table})[0]
    assert answer.status_code == 200
    assert np.array_equal(np.array(answer.json()["prediction"], np.float32), direct)


values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.sampled_from(["data", "", "x"]), inner),
    max_leaves=12,
)
almost = st.fixed_dictionaries({"data": st.lists(st.lists(values | numbers, min_size=3, max_size=5), max_size=4)})


@fixture_is_stateless
@given(body=st.binary(max_size=60) | (values | almost).map(lambda value: json.dumps(value).encode()))
def test_any_body_gets_an_answer_for_each_row_or_a_reason(client: Client, body: bytes) -> None:
    answer = client.send(body)
    assert answer.status_code in (200, 422)
    assert isinstance(answer.json()["detail"], str) if answer.status_code == 422 else answer.json()["prediction"]
