"""Whatever a client sends: an answer for each row or a short reason, and the next client is served."""

import asyncio
import json
import select
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from local import servers
from local.processes import Program, wait_until
from tests.preloaded import Preloaded
from web_single.app import build_app
from web_single.model import Model
from web_single.settings import Settings

from .running import COMMAND, cpu_seconds, peak_megabytes

PREDICT, INFER = "/predict", "/v2/models/iris/infer"
MAX_ROWS, LONGEST_REASON = 6, 300
JSON = ("content-type", "application/json")
Call = Callable[..., tuple[int, bytes]]


@pytest.fixture(scope="module")
def call(model: Model) -> Iterator[Call]:
    """POST bytes to the application itself, a few thousand times in a second; its failures are raised here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("MAX_BODY_BYTES", "20000")
        app = build_app(Settings(max_rows=MAX_ROWS), model)

    async def post(path: str, body: bytes, *headers: tuple[str, str]) -> tuple[int, bytes]:
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        scope = {"type": "http", "method": "POST", "path": path, "headers": raw, "query_string": b""}
        sent: list[dict[str, object]] = []

        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, object]) -> None:
            sent.append(message)

        await app(scope, receive, send)
        return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)

    with asyncio.Runner() as runner:
        yield lambda *request: runner.run(post(*request))


def loaded(body: bytes, unique: bool = False) -> object:
    """The JSON value that Python finds in a body, with NaN and Infinity as False, or None where there is none.

    With `unique`, an object that holds a name twice is none.
    """

    def whole(pairs: list[tuple[str, object]]) -> dict[str, object]:
        json.dumps(pairs, ensure_ascii=False).encode()  # half a surrogate pair is not valid text
        if unique and len(dict(pairs)) < len(pairs):
            raise ValueError("a name comes twice")
        return dict(pairs)

    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=lambda name: False, object_pairs_hook=whole)
    except (ValueError, RecursionError):
        return None


def table(rows: object) -> np.ndarray | None:
    """The rows [n, 4] as the graph takes them, or None if there are no such rows."""
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_ROWS:
        return None
    if not all(isinstance(row, list) and len(row) == 4 for row in rows):
        return None
    numbers = [number for row in rows for number in row]
    if not all(type(number) in (int, float) and abs(number) <= float(np.finfo(np.float32).max) for number in numbers):
        return None
    return np.array([float(number) for number in numbers], np.float32).reshape(len(rows), 4)


def predict_rows(body: bytes) -> np.ndarray | None:
    """The rows that a body asks /predict for, or None if it must be refused."""
    request = loaded(body, unique=True)
    return table(request["data"]) if isinstance(request, dict) and list(request) == ["data"] else None


def infer_rows(body: bytes) -> np.ndarray | None:
    """The rows that a body without outputs or parameters asks the protocol for, or None if it must be refused."""
    request = loaded(body, unique=True)
    inputs = request.get("inputs") if isinstance(request, dict) else None
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        return None
    if not isinstance(request.get("id", ""), str | None):
        return None
    data, shape = inputs[0].get("data"), inputs[0].get("shape")
    if (inputs[0].get("name"), inputs[0].get("datatype")) != ("float_input", "FP32") or not isinstance(data, list):
        return None
    if data and not isinstance(data[0], list) and len(data) % 4 == 0:
        data = [data[start : start + 4] for start in range(0, len(data), 4)]
    rows = table(data)
    return rows if rows is not None and shape == [len(rows), 4] and type(shape[0]) is int else None


def check(status: int, content: bytes, field: str, expected: np.ndarray | None, answered: Callable) -> None:
    """One answer for each row that was expected, else a short reason."""
    answer = json.loads(content)
    if expected is not None:
        assert status == 200, content
        assert np.array_equal(answered(answer), expected)
        return
    assert status in (400, 413, 415, 422), answer
    assert list(answer) == [field]
    assert 5 < len(answer[field]) < LONGEST_REASON


VALUES = [None, True, False, "1", "", "\ud800", [], {}, [1], float("nan"), float("inf"), -float("inf")]
NUMBERS = [10**30, 10**38, 10**39, 10**309, 10**400, -(10**400), 1e39, -1e39, 5e-324, -0.0, 3.4028234663852886e38]
odd = st.sampled_from([*VALUES, *NUMBERS])
number = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-1000, 1000)
rows = st.lists(st.lists(number, min_size=4, max_size=4), min_size=1, max_size=MAX_ROWS)
leaf = st.one_of(number, number, number, number, number, number, number, odd)
uneven = st.lists(st.lists(leaf, min_size=4, max_size=4) | st.lists(leaf, max_size=5) | leaf, max_size=MAX_ROWS + 2)
anything = st.recursive(
    odd | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["data", "inputs", "", "x"]), inner),
    max_leaves=8,
)
data = rows | uneven | st.lists(leaf, max_size=12)


def tensor(values: list[list[object]], flat: bool) -> dict[str, object]:
    """The input of the protocol that holds these rows, nested or flat."""
    data = [number for row in values for number in row] if flat else values
    return {"name": "float_input", "datatype": "FP32", "shape": [len(values), 4], "data": data}


def damage(body: bytes, where: int, kept: int, middle: bytes) -> bytes:
    """A body that something on the way has cut, doubled or altered."""
    where %= len(body) + 1
    return body[:where] + middle + body[max(0, where + kept) :]


SPLICES = [b"", b"\xff", b"\xef\xbb\xbf", b"\0", b",", b"]", b"[" * 300, b'"', b"\\ud800", b"NaN", b"1", b"0", b"\n"]
damages = st.tuples(st.integers(0, 2000), st.sampled_from([0, 0, 1, 2, -5, 10_000]), st.sampled_from(SPLICES))


def eight(draw: st.DrawFn, right: object, spoiled: object, wrong: object, doubled: str) -> list[bytes]:
    """The bodies of three requests, the right one with a field twice, and some of them damaged."""
    body, others = json.dumps(right), [json.dumps(spoiled).encode(), json.dumps(wrong).encode()]
    twice = f'{{"{doubled}": {json.dumps(draw(leaf | data))}, {body[1:]}'
    altered = [damage(whole, *draw(damages)) for whole in (body.encode(), body.encode(), *others)]
    return [body.encode(), *others, twice.encode(), *altered]


@st.composite
def spoiled_rows(draw: st.DrawFn) -> list[list[object]]:
    """Rows of which one number is odd."""
    values: list[list[object]] = [list(row) for row in draw(rows)]
    draw(st.sampled_from(values))[draw(st.integers(0, 3))] = draw(odd)
    return values


@st.composite
def predict_bodies(draw: st.DrawFn) -> list[bytes]:
    right = {"data": draw(rows)}
    spoiled = {"data": draw(spoiled_rows())}
    wrong = draw(st.fixed_dictionaries({"data": data}, optional={"x": leaf}) | anything)
    return eight(draw, right, spoiled, wrong, "data")


@st.composite
def infer_bodies(draw: st.DrawFn) -> list[bytes]:
    right = {"inputs": [tensor(draw(rows), draw(st.booleans()))]}
    right |= draw(st.fixed_dictionaries({}, optional={"id": st.text(max_size=9), "colour": leaf}))
    spoiled = {"inputs": [tensor(draw(spoiled_rows()), draw(st.booleans()))]}
    changes = {"name": leaf, "datatype": st.sampled_from(["FP64", "fp32", 32]), "data": data, "id": leaf}
    changes["shape"] = st.lists(st.integers(-1, 8) | leaf, max_size=3) | st.just([10**30, 4])
    field = draw(st.sampled_from(list(changes)))
    wrong = {**right, "inputs": [{**right["inputs"][0], field: draw(changes[field])}]}
    return eight(draw, right, spoiled, draw(st.just(wrong) | anything), "inputs")


# Eight bodies in each of 100 examples.
eight_hundred = examples(
    max_examples=100,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
)


@eight_hundred
@given(bodies=predict_bodies())
def test_predict_answers_each_row_or_says_why(call: Call, model: Model, bodies: list[bytes]) -> None:
    for body in bodies:
        expected = predict_rows(body)
        status, content = call(PREDICT, body, JSON)
        direct = expected if expected is None else model.predict({model.row_format.name: expected})
        check(status, content, "detail", direct, lambda answer: np.array(answer["prediction"], np.float32))


@eight_hundred
@given(bodies=infer_bodies())
def test_infer_answers_each_row_or_says_why(call: Call, model: Model, bodies: list[bytes]) -> None:
    for body in bodies:
        expected = infer_rows(body)
        status, content = call(INFER, body, JSON)
        direct = expected if expected is None else model.predict({model.row_format.name: expected}).ravel()
        check(status, content, "error", direct, lambda answer: np.array(answer["outputs"][1]["data"], np.float32))


def tables(elements: dict[str, object]) -> st.SearchStrategy[np.ndarray]:
    return st_numpy.arrays(np.float32, st.tuples(st.integers(1, MAX_ROWS + 1), st.just(4)), elements=elements)


@examples(max_examples=150, deadline=None, database=None)
@given(
    table=tables({"min_value": -1e6, "max_value": 1e6}) | tables({}),
    shifts=st.tuples(*[st.sampled_from([0, 0, 0, 0, 1, -1, 16, -16, 10**6])] * 3),
)
def test_bytes_behind_json_are_rows_or_refused(
    call: Call, model: Model, table: np.ndarray, shifts: tuple[int, int, int]
) -> None:
    """A length, a size or a shape that is not true, or bytes that are not finite numbers, are detected."""
    raw, (length, size, height) = table.astype("<f4").tobytes(), shifts
    input_ = {"name": "float_input", "datatype": "FP32", "shape": [len(table) + height, 4]}
    head = json.dumps({"inputs": [input_ | {"parameters": {"binary_data_size": len(raw) + size}}]}).encode()
    status, content = call(INFER, head + raw, ("inference-header-content-length", str(len(head) + length)))
    right = shifts == (0, 0, 0) and len(table) <= MAX_ROWS and np.isfinite(table).all()
    direct = model.predict({model.row_format.name: table}).ravel() if right else None
    check(status, content, "error", direct, lambda answer: np.array(answer["outputs"][1]["data"], np.float32))


HEAD = "POST {path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\n"
ROW = b'{"data": [[1, 2, 3, 4]]}'
INPUT = json.dumps({"inputs": [tensor([[1, 2, 3, 4]], True)]}).encode()


class Server:
    """A gunicorn with one worker, which waits three seconds for a body."""

    def __init__(self, port: int, program: Program) -> None:
        self.port, self.http = port, httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=dict([JSON]), timeout=60)
        children = Path(f"/proc/{program.pid}/task/{program.pid}/children")
        (self.worker,) = (int(pid) for pid in children.read_text().split())

    def send(self, path: str, rest: bytes, hang_up: bool = False) -> bytes:
        """Return the first of what the server says to these bytes, or nothing if it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=60) as caller:
            caller.sendall(HEAD.format(path=path).encode() + rest)
            if hang_up:
                caller.shutdown(socket.SHUT_WR)
            return caller.recv(1000)

    def serves(self) -> bool:
        """Return whether the next clients get their answers."""
        answers = self.http.post(PREDICT, content=ROW), self.http.post(INFER, content=INPUT)
        return [answer.status_code for answer in answers] == [200, 200]


@pytest.fixture(scope="module")
def server(preloaded: Preloaded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = servers.free_port()
    argv, log = [*COMMAND, "--bind", f"127.0.0.1:{port}", "--workers", "1"], tmp_path_factory.mktemp("any") / "log"
    ready = f"http://127.0.0.1:{port}/ready"
    program = preloaded.start(
        "web_single", argv, lambda: servers.answers(ready), log, {"BODY_TIMEOUT": "3"}
    ).wait_ready()
    server = Server(port, program)
    yield server
    server.http.close()
    assert (program.stop(60), "Traceback" in log.read_text()) == (0, False)


LENGTHS = {
    "shorter than the body": (b"content-length: 9\r\n\r\n" + ROW, b"HTTP/1.1 4"),
    "longer than the body": (b"content-length: 500\r\n\r\n" + ROW, b"HTTP/1.1 408"),
    "longer than the limit": (b"content-length: 100000000\r\n\r\n", b"HTTP/1.1 413"),
    "longer than any file": (b"content-length: " + b"9" * 40 + b"\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "negative": (b"content-length: -5\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "with a sign": (b"content-length: +24\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "empty": (b"content-length:\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "not a number": (b"content-length: \xb2\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "hexadecimal": (b"content-length: 0x18\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "two that differ": (b"content-length: 24\r\ncontent-length: 9\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "two in one": (b"content-length: 24, 9\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "and chunks": (b"content-length: 24\r\ntransfer-encoding: chunked\r\n\r\n" + ROW, b"HTTP/1.1 400"),
    "none at all": (b"\r\n", b"HTTP/1.1 4"),
    "chunk without a size": (b"transfer-encoding: chunked\r\n\r\nmany\r\n", b"HTTP/1.1 400"),
    "chunk that never comes": (b"transfer-encoding: chunked\r\n\r\n18\r\n{", b"HTTP/1.1 408"),
}


@pytest.mark.parametrize("path", [PREDICT, INFER])
@pytest.mark.parametrize("name", LENGTHS)
def test_a_wrong_length_is_refused_and_the_next_client_served(server: Server, name: str, path: str) -> None:
    rest, answer = LENGTHS[name]
    assert server.send(path, rest).startswith(answer)
    assert server.send(path, rest, hang_up=True)[:10] in (b"HTTP/1.1 4", b"")
    assert server.serves()


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_a_client_that_closes_its_side_after_its_request_is_answered(server: Server, path: str) -> None:
    body = ROW if path == PREDICT else INPUT
    rest = b"content-length: %d\r\n\r\n" % len(body) + body
    assert {server.send(path, rest, hang_up=True)[:12] for _ in range(20)} == {b"HTTP/1.1 200"}


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_a_body_that_ended_early_is_a_400_that_only_the_metrics_show(server: Server, path: str) -> None:
    def count() -> str:
        return next((line for line in server.http.get("/metrics").text.splitlines() if 'reason="cut_off"' in line), "")

    before = count()
    assert server.send(path, b"content-length: 500\r\n\r\n" + ROW, hang_up=True) == b""
    wait_until(lambda: count() != before, what="a refusal that is counted")


@pytest.mark.parametrize("path", [PREDICT, INFER])
def test_a_body_that_arrives_byte_by_byte_is_cut_off_while_others_are_served(server: Server, path: str) -> None:
    before = peak_megabytes(server.worker)
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(HEAD.format(path=path).encode() + b"transfer-encoding: chunked\r\n\r\n6400000\r\n")
        until = time.monotonic() + 60
        while not select.select([slow], [], [], 0.05)[0] and time.monotonic() < until:
            slow.sendall(b" ")
            assert server.serves()
        assert slow.recv(1000).startswith(b"HTTP/1.1 408")
    assert server.serves()
    assert peak_megabytes(server.worker) < before + 16


def megabyte(text: str, start: str, end: str) -> bytes:
    """Just under a megabyte of the same text."""
    return (start + text * ((2**20 - len(start) - len(end)) // len(text)) + end).encode()


IN_DATA = '{"inputs": [{"name": "float_input", "datatype": "FP32", "shape": [1, 4], "data": ['
HEAVY = {
    "rows": (PREDICT, megabyte("[1,2,3,4],", '{"data": [', "[1,2,3,4]]}")),
    "rows of nothing": (PREDICT, megabyte("[],", '{"data": [', "[]]}")),
    "fields": (PREDICT, b"{" + b", ".join(b'"%d": 0' % i for i in range(70_000)) + b"}"),
    "numbers": (INFER, megabyte("0,", IN_DATA, "0]}]}")),
    "nested rows": (INFER, megabyte("[1,2,3,4],", IN_DATA, "[1,2,3,4]]}]}")),
    "strings": (INFER, megabyte('"",', IN_DATA, '""]}]}')),
    "inputs": (INFER, megabyte("{},", '{"inputs": [', "{}]}")),
    "outputs": (INFER, megabyte("{},", '{"outputs": [', '{}], "inputs": [{}]}')),
    "brackets": (INFER, megabyte("[", IN_DATA, "")),
    "an unknown name": (INFER, megabyte("x", '{"inputs": [{"name": "', '"}]}')),
    "a million rows": (PREDICT, b'{"data": [' + b"[1,2,3,4]," * 999_999 + b"[1,2,3,4]]}"),
    "a million rows in data": (INFER, IN_DATA.encode() + b"[1,2,3,4]," * 999_999 + b"[1,2,3,4]]}]}"),
}


def test_heavy_bodies_are_refused_soon_and_in_bounded_memory(server: Server) -> None:
    before = peak_megabytes(server.worker)
    for name, (path, body) in HEAVY.items():
        start = cpu_seconds(server.worker)
        answer = server.http.post(path, content=body)
        assert answer.status_code == (413 if "million" in name else 422 if path == PREDICT else 400), name
        assert (len(answer.content) < LONGEST_REASON, cpu_seconds(server.worker) - start < 5) == (True, True), name
    assert server.serves()
    assert peak_megabytes(server.worker) < before + 128
