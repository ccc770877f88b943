"""Who may call: keys, their names, their rotation, and what the log says about them."""

import subprocess
import threading

import pytest

from local.processes import ROOT, wait_until

from .running import new_key

REFUSED = {"detail": "X-API-Key: is missing or not valid"}


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": "wrong"},
        {"x-api-key": ""},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic c2hvcDp3cm9uZw=="},
        {"x-api-key-name": "shop"},
        {"x_api_key_name": "shop"},
    ],
    ids=str,
)
def test_without_a_valid_key_a_request_gets_401_and_reaches_no_service(gateway, headers):
    with gateway.client(None, **headers) as client:
        for path in ("/web_single/predict", "/asynchronous/predict", "/batch/data", "/metrics", "/"):
            answer = client.post(path, content=b"{}")
            assert (answer.status_code, answer.json()) == (401, REFUSED)
            assert answer.headers["www-authenticate"] == "Bearer"
    assert gateway.upstream.received == []


def test_the_hash_in_the_file_is_not_a_key(gateway):
    content = (gateway.folder / "keys").read_text()
    hashes = [line.split()[0] for line in content.splitlines()]
    assert {gateway.ask("/web_single/label", **{"x-api-key": value})[0] for value in hashes} == {401}
    assert gateway.key not in content
    assert gateway.upstream.received == []


@pytest.mark.parametrize("header", ["x-api-key: {}", "authorization: Bearer {}", "authorization: bearer {}"])
def test_a_service_gets_the_name_of_the_key_and_not_the_key(gateway, header):
    name, _, value = header.format(gateway.key).partition(": ")
    with gateway.client(None, **{name: value}) as client:
        assert client.get("/web_single/label").status_code == 200
    (received,) = gateway.upstream.received
    assert received.headers["x-api-key-name"] == "shop"
    assert gateway.key not in str(received.headers)


def test_a_key_is_replaced_without_a_failed_request(start_gateway):
    gateway, over, statuses = start_gateway(KEY_REQUESTS_PER_SECOND="1000000"), threading.Event(), []
    gateway.names.seconds = 0.3  # a new process has no server for as long

    def call():
        with gateway.client(gateway.other_key) as client:
            while not over.is_set():
                statuses.append(client.get("/web_single/label").status_code)

    def answers(key, status):
        wait_until(lambda: gateway.ask("/web_single/label", **{"x-api-key": key})[0] == status, what="the new keys")

    caller = threading.Thread(target=call)
    caller.start()
    added, keys = new_key(gateway.folder, "shop-2"), gateway.folder / "keys"
    gateway.reload()
    answers(added, 200)
    answers(gateway.key, 200)
    keys.write_text("".join(line for line in keys.read_text().splitlines(True) if not line.endswith(" shop\n")))
    gateway.reload()
    answers(gateway.key, 401)
    answers(added, 200)
    over.set()
    caller.join()
    assert set(statuses) == {200}


def test_the_log_has_a_line_of_json_for_each_request_and_never_a_key(start_gateway):
    gateway = start_gateway()
    for target in ("/web_single/label", f"/web_single/{gateway.key}", f"/web_single/label?key={gateway.key}"):
        gateway.ask(target)
    gateway.ask(f"/web_single/label?{gateway.key}", "DELETE")
    gateway.ask("/web_single/label", **{"x-api-key": f"{gateway.key}x"})
    served = ("web_single", 200, "/web_single/label")
    expected = [served, served, ("-", 404, "-"), ("web_single", 405, "-")]
    # A line is written when HAProxy has ended its connection, so the order is not that of the requests.
    wait_until(lambda: len(gateway.log("shop")) >= len(expected) and gateway.log("-"), what="a line for each request")
    lines = [(line["service"], line["status"], line["path"]) for line in gateway.log("shop")]
    assert sorted(lines) == sorted(expected)
    assert [line["status"] for line in gateway.log("-")] == [401]
    assert gateway.key not in gateway.program.log.read_text()


@pytest.mark.parametrize(
    ("name", "refusal"),
    [
        ("shop", "NAME: shop is already in"),
        ("two words", "NAME: is not letters"),
        ('"', "NAME: is not letters"),
        ("", "NAME: is not letters"),
        ("x" * 64, "NAME: is longer than 63"),
    ],
)
def test_the_tool_refuses_a_name_in_one_line_and_adds_nothing(name, refusal, tmp_path):
    new_key(tmp_path, "shop")
    before = (tmp_path / "keys").read_text()
    argv = ["sh", "gateway/key.sh", name, str(tmp_path / "keys")]
    done = subprocess.run(argv, cwd=ROOT, check=False, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines()), done.stdout) == (2, 1, "")
    assert done.stderr.startswith(refusal)
    assert (tmp_path / "keys").read_text() == before
