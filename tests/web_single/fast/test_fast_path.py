"""The fast path gives the same answers as FastAPI's own."""

import itertools
from unittest.mock import patch

import pytest

from web_single import app as root
from web_single.extras import app as extras
from web_single.model import Model
from web_single.settings import Settings

from ..conftest import Client

BODIES = [
    b'{"data": [[1, 2, 3, 4], [5, 6, 7, 8]]}',
    b'{"data": [[1, 2]]}',
    b"",
    b'{"data": [[3.4e38, 1, 1, 1]], "x": 1}',
]


@pytest.fixture
def plain(settings: Settings, model: Model) -> Client:
    """The application without the fast path."""
    with patch.object(extras, "add_fast"):
        return Client(root.build_app(settings, model))


@pytest.mark.parametrize("path", ["/predict", "/predict/label"])
@pytest.mark.parametrize("body", BODIES)
def test_both_ways_give_the_same_answer(client: Client, plain: Client, path: str, body: bytes) -> None:
    for content_type in ("application/json", "text/plain"):
        options = {"content": body, "headers": {"content-type": content_type, "x-request-id": "same"}}
        short, long = client.post(path, **options), plain.post(path, **options)
        assert (short.status_code, short.content, short.headers) == (long.status_code, long.content, long.headers)


def test_both_ways_count_the_same(client: Client, plain: Client) -> None:
    for one in (client, plain):
        one.send(BODIES[0])
        one.send(BODIES[1])
    kinds = ("http_request_duration_seconds_count", "predicted_rows_total", "refused_requests_total")
    counts = [
        [line for line in one.get("/metrics").text.splitlines() if line.startswith(kinds)] for one in (client, plain)
    ]
    assert counts[0] == counts[1]
    assert 'path="/predict",status="200"} 1.0' in "".join(counts[0])


def test_neither_way_takes_a_thread(client: Client, plain: Client) -> None:
    """A thread and back take longer than a prediction, and a client that closes its side loses the answer."""
    inputs = [{"name": "float_input", "shape": [1, 4], "datatype": "FP32", "data": [1, 2, 3, 4]}]
    with patch("anyio.to_thread.run_sync", side_effect=AssertionError("a thread was asked for")):
        for one in (client, plain):
            assert [one.send(BODIES[0]).status_code, one.get("/label").status_code] == [200, 200]
            assert one.post("/v2/models/iris/infer", json={"inputs": inputs}).status_code == 200
            assert one.get("/v2/models/iris").status_code == one.get("/ready").status_code == 200


PARTS = ["add_any_client", "add_fast", "add_limits", "add_open_inference", "add_telemetry"]
ROTATED = [order[n:] + order[:n] for order in (PARTS, PARTS[::-1]) for n in range(len(PARTS))]  # each pair both ways


@pytest.mark.parametrize(
    "permutations", [ROTATED, pytest.param([*itertools.permutations(PARTS)], marks=pytest.mark.exhaustive)], ids=len
)
def test_the_order_in_which_the_parts_are_added_does_not_matter(
    settings: Settings, model: Model, permutations: list[list[str]]
) -> None:
    adders = {name: getattr(extras, name) for name in PARTS}
    orders = set()
    for permutation in permutations:
        with patch.multiple(extras, **dict(zip(PARTS, map(adders.get, permutation), strict=True))):
            app = root.build_app(settings, model)
        orders.add(tuple(middleware.cls.__name__ for middleware in app.user_middleware))
    layers = ["DiscardUnreadBody", "RequestLog", "InFlightLimit", "BodyLimits", "AnyClient", "FastPath"]
    assert orders == {("StripPrefix", *layers)}
