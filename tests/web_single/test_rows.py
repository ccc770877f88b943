import asyncio
import json
from collections.abc import AsyncIterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from starlette.requests import Request

from web_single.app import build_app
from web_single.bodies import BodyReader, Refused
from web_single.predictor import Predictor
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
        "body: 1001 faults; the only field is data",
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
def test_a_body_that_is_not_announced_as_json_is_refused(client: Client, content_type: str) -> None:
    answer = client.send(b'{"data": [' + ROW + b"]}", **{"content-type": content_type})
    assert answer.status_code == 415
    assert answer.json()["detail"].startswith("content-type: must be application/json")


def test_the_announcement_may_name_a_charset(client: Client) -> None:
    answer = client.send(b'{"data": [' + ROW + b"]}", **{"content-type": "Application/JSON; charset=utf-8"})
    assert answer.status_code == 200


def test_rows_up_to_the_limit_are_answered_and_one_more_is_not(predictor: Predictor) -> None:
    client = Client(build_app(Settings(max_rows=50), predictor))
    assert len(client.post("/predict", json={"data": [[1, 2, 3, 4]] * 50}).json()["prediction"]) == 50
    refused = client.post("/predict", json={"data": [[1, 2, 3, 4]] * 51})
    assert (refused.status_code, "at most 50 items" in refused.json()["detail"]) == (422, True)


def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_not(predictor: Predictor) -> None:
    body = b'{"data": [' + ROW + b"]}"
    client = Client(build_app(Settings(max_body_bytes=len(body)), predictor))
    assert client.send(body).status_code == 200
    refused = client.send(body + b" ")
    assert (refused.status_code, refused.json()["detail"]) == (413, f"body: larger than the limit of {len(body)} bytes")


def test_a_body_is_read_no_further_than_the_limit_and_not_at_all_when_its_length_says_so(client: Client) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 65_536
            yield b" " * 65_536

    assert client.send(endless()).status_code == 413
    assert sent <= 1_048_576 + 65_536
    sent = 0
    assert client.send(endless(), **{"content-length": "100000000"}).status_code == 413
    assert sent == 0


def test_a_body_that_arrives_in_pieces_is_read_whole(client: Client) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for byte in b'{"data": [' + ROW + b"]}":
            yield bytes([byte])

    assert client.send(pieces()).json() == client.get("/predict/test").json()


def test_a_body_that_never_ends_is_refused_in_time(predictor: Predictor) -> None:
    async def stuck() -> AsyncIterator[bytes]:
        yield b'{"data": '
        await asyncio.Event().wait()

    refused = Client(build_app(Settings(body_timeout=0.05), predictor)).send(stuck())
    assert (refused.status_code, refused.json()["detail"]) == (408, "body: not complete after 0.05 seconds")
    assert refused.headers["connection"] == "close"


def test_a_caller_who_hangs_up_is_refused_and_not_a_fault_of_ours() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    reader = BodyReader(1000, 1.0)
    request = Request({"type": "http", "headers": [(b"content-type", b"application/json")]}, receive)
    with pytest.raises(Refused, match="connection closed") as refused:
        asyncio.run(reader.read(request))
    assert refused.value.status == 400


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
tables = st_numpy.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(4)), elements=numbers)
fixture_is_stateless = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@fixture_is_stateless
@given(table=tables)
def test_n_rows_in_give_n_rows_out_equal_to_the_session(
    client: Client, predictor: Predictor, table: np.ndarray
) -> None:
    answer = client.post("/predict", json={"data": table.tolist()})
    direct = predictor._session.run(["probabilities"], {"float_input": table})[0]
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


def test_each_of_many_who_wait_has_a_time_of_its_own() -> None:
    async def stuck() -> dict[str, object]:
        await asyncio.sleep(60)
        raise AssertionError

    async def one(reader: BodyReader, begin: float) -> float:
        await asyncio.sleep(begin)
        began = asyncio.get_running_loop().time()
        with pytest.raises(Refused, match="not complete"):
            await reader.read(Request({"type": "http", "headers": []}, stuck))
        return asyncio.get_running_loop().time() - began

    async def all_of_them() -> list[float]:
        reader = BodyReader(1000, 0.3)
        return await asyncio.gather(*(one(reader, begin) for begin in (0, 0.1, 0.2, 0.5)))

    waited = asyncio.run(all_of_them())
    assert min(waited) >= 0.299


def test_who_is_cancelled_for_another_reason_is_not_late() -> None:
    async def cancelled() -> None:
        reading = asyncio.create_task(BodyReader(1000, 60).read(Request({"type": "http", "headers": []}, forever)))
        await asyncio.sleep(0)
        reading.cancel()
        await reading

    async def forever() -> dict[str, object]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancelled())
