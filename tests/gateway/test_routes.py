"""Which paths, methods and headers reach a service, and what comes back."""

import importlib

import pytest

FORGED = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "evil.example",
    "x-forwarded-prefix": "/evil",
    "x-forwarded-user": "root",
    "x_forwarded_for": "203.0.113.9",
    "forwarded": "for=203.0.113.9",
    "via": "1.1 evil.example",
    "x-real-ip": "203.0.113.9",
    "x-client-ip": "203.0.113.9",
    "true-client-ip": "203.0.113.9",
    "x-original-url": "/metrics",
    "x-rewrite-url": "/metrics",
    "x-http-method-override": "DELETE",
    "x-api-key-name": "admin",
    "x_api_key_name": "admin",
    "X-API-KEY-NAME": "admin",
}
TRICKS = [
    "/metrics",
    "//metrics",
    "/web_single/metrics",
    "/web_single//metrics",
    "//web_single/metrics",
    "/web_single/%6detrics",
    "/web_single/%6Detrics",
    "/web_single/predict/../metrics",
    "/web_single/predict/%2e%2e/metrics",
    "/web_single/predict/..%2fmetrics",
    "/web_single/..;/metrics",
    "/web_single/metrics/",
    "/web_single/metrics.",
    "/web_single/metrics%00",
    "/web_single/metrics;x=1",
    "/web_single/METRICS",
    "/web_single/./metrics",
    "/web_single/v2/../metrics",
    "/web_single/v2/models/../../metrics",
    "/web_single/v2/models/../ready",
    "/web_single/v2/models/%2e%2e",
    "/web_single/predict%2f..%2fmetrics",
    "/WEB_SINGLE/predict",
    "/web_single",
    "/web_single/",
    "/web_single/ready",
    "/web_single/health",
    "/web_single/docs",
    "/web_single/page.json",
    "/asynchronous/metrics",
    "/asynchronous/",
    "/asynchronous/job/../metrics",
    "/asynchronous/job/abc/../../metrics",
    "/asynchronous/job/%2e%2e/metrics",
    "/batch/metrics",
    "/batch/page.json",
    "/batch/data/../metrics",
    "/health",
    "/ready",
    "/",
    "*",
    "http://localhost/metrics",
    "https://localhost/web_single/metrics",
]


@pytest.mark.parametrize("target", TRICKS)
def test_an_internal_path_is_not_reached_however_it_is_written(gateway, target):
    status, body = gateway.ask(target)
    assert status in (400, 404)
    assert status == 400 or body == b'{"detail": "path: is not public"}'
    assert gateway.upstream.received == []


@pytest.mark.parametrize(
    ("service", "module", "model"),
    [("web_single", "app", "iris"), ("asynchronous", "app", "digits"), ("batch", "api", "iris")],
)
def test_every_documented_path_is_public_except_those_for_operators(
    gateway, artifacts, monkeypatch, tmp_path, service, module, model
):
    monkeypatch.setenv("MODEL_DIR", str(artifacts / model))
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/batch.sqlite3")
    app = importlib.import_module(f"{service}.{module}").create_app()
    if service == "batch":
        app.state.engine.dispose()  # no lifespan runs here that would close its connections
    paths = app.openapi()["paths"]
    assert len(paths) > 5
    for path in paths:
        for field, value in {"{job_id}": "0" * 32, "{name}": "iris", "{version}": "1"}.items():
            path = path.replace(field, value)  # noqa: PLW2901
        public = path not in ("/metrics", "/health", "/ready", "/")
        assert (path, gateway.ask(f"/{service}{path}")[0]) == (path, 200 if public else 404)


def test_a_service_gets_the_path_without_its_prefix_and_the_query(gateway):
    gateway.ask("/batch/data/all?after=3&limit=%2F")
    gateway.ask("/web_single/v2/models/iris/versions/1/infer", "POST", **{"content-length": "0"})
    paths = [(request.method, request.path) for request in gateway.upstream.received]
    assert paths == [("GET", "/data/all?after=3&limit=%2F"), ("POST", "/v2/models/iris/versions/1/infer")]


def test_no_header_that_only_a_proxy_may_send_comes_from_a_client(gateway):
    with gateway.client(gateway.key, **FORGED) as client:
        assert client.get("/web_single/label").status_code == 200
    (received,) = gateway.upstream.received
    assert {name: received.headers.get_all(name) for name in FORGED if name in received.headers} == {
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-proto": ["https"],
        "x-forwarded-host": [f"localhost:{gateway.port}"],
        "x-forwarded-prefix": ["/web_single"],
        "x-api-key-name": ["shop"],
        "X-API-KEY-NAME": ["shop"],
    }


@pytest.mark.parametrize(
    ("location", "sent"),
    [("/job/1", "/asynchronous/job/1"), ("//evil/job", "//evil/job"), ("https://a.example/b", "https://a.example/b")],
)
def test_a_location_of_the_service_gets_the_prefix_back(gateway, location, sent):
    gateway.upstream.answer = lambda _: (202, {"location": location}, b"{}")
    with gateway.client(gateway.key) as client:
        assert client.get("/asynchronous/predict/test").headers["location"] == sent


def test_a_request_keeps_a_valid_id_and_else_gets_one(gateway):
    for given in ("a-1", "two words", "x" * 65):
        gateway.ask("/web_single/label", **{"x-request-id": given})
    first, *others = [request.headers["x-request-id"] for request in gateway.upstream.received]
    assert first == "a-1"
    assert [len(other) for other in others] == [36, 36]


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND"])
def test_a_method_that_no_service_has_is_refused(gateway, method):
    status, body = gateway.ask("/web_single/label", method)
    assert (status, body) == (405, b'{"detail": "method: is not GET, HEAD, POST or OPTIONS"}')
    assert gateway.upstream.received == []


def test_clients_may_use_http2(gateway):
    """A request of HTTP/2 by hand: a preface, the settings, and one frame of headers that are not compressed."""
    pairs = {":method": "GET", ":scheme": "https", ":authority": "localhost", ":path": "/web_single/label"}
    pairs["x-api-key"] = gateway.key
    with gateway.connect("h2") as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"") + frame(1, 5, 1, literal(pairs)))
        received = b""
        while b'{"from": "the service"}' not in received:
            received += connection.recv(65536) or pytest.fail(f"closed: {connection.selected_alpn_protocol()}")
    assert [request.path for request in gateway.upstream.received] == ["/label"]


def frame(kind, flags, stream, payload):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def literal(pairs):
    """Return headers in HPACK's simplest form: each name and value with its length before it."""
    fields = [[text.encode() for text in pair] for pair in pairs.items()]
    return b"".join(bytes([0, len(name)]) + name + bytes([len(value)]) + value for name, value in fields)
