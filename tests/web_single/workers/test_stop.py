"""The stop under load: announced, then orderly."""

import os
import signal
import socket
from collections.abc import Callable

from local.processes import wait_until

from ..load import LASTING, Load
from ..running import Service, answer_on

PATIENT = ("-c", "tests/web_single/workers/patient.py")


def test_an_announced_stop_drops_no_request(service: Callable[..., Service]) -> None:
    running = service("--workers", "2", DRAIN_SECONDS="6")
    with Load(running.port) as load:
        wait_until(lambda: min(map(len, load.versions)) > 20)
        os.kill(running.program.pid, signal.SIGTERM)
        wait_until(lambda: running.http.get("/ready").status_code == 503)
        still = sum(load.statuses.values()) + 100
        wait_until(lambda: sum(load.statuses.values()) > still)  # no longer ready, and still answering
        load.hanging_up.set()  # what a load balancer does then: it opens no new connection
        load.wait()
    assert (load.failures, load.turned_away, set(load.statuses)) == ([], 0, {200})
    assert running.program.wait() == 0


def test_a_stop_without_an_announcement_resets_no_kept_connection(service: Callable[..., Service]) -> None:
    running = service("--workers", "2", *PATIENT)
    with Load(running.port, lasting=16, fresh=0) as load:
        wait_until(lambda: min(map(len, load.versions)) > 20)
        load.hanging_up.set()  # a client whose answer was the last on its connection does not connect again
        os.kill(running.program.pid, signal.SIGTERM)
        assert running.program.wait() == 0
    assert (load.failures, set(load.statuses)) == ([], {200})


def test_the_last_answer_on_a_connection_says_that_it_is_the_last(service: Callable[..., Service]) -> None:
    running = service("--workers", "1", *PATIENT)
    with socket.create_connection(("127.0.0.1", running.port)) as client:
        answers = []
        while not answers or answers[-1].headers.get("connection") != "close":
            client.sendall(LASTING)
            answers.append(answer_on(client))
            if len(answers) == 10:
                os.kill(running.program.pid, signal.SIGTERM)
        assert {answer.status for answer in answers} == {200}
        assert client.recv(1) == b""  # an orderly end, and no reset
    assert running.program.wait() == 0


def test_a_request_that_began_long_before_the_stop_is_the_last_on_its_connection_too(
    service: Callable[..., Service],
) -> None:
    running = service("--workers", "1", *PATIENT)
    address = ("127.0.0.1", running.port)
    with socket.create_connection(address) as client, socket.create_connection(address) as other:

        def ask(name: str) -> str:
            other.sendall(LASTING)
            return answer_on(other).headers.get(name, "")

        client.sendall(LASTING[:-1])
        first = ask("date")
        wait_until(lambda: ask("date") != first)  # uvicorn makes a new list of headers each second
        os.kill(running.program.pid, signal.SIGTERM)
        wait_until(lambda: ask("connection") == "close")
        client.sendall(LASTING[-1:])
        answer = answer_on(client)
        assert (answer.status, answer.headers.get("connection")) == (200, "close")
        assert client.recv(1) == b""
    assert running.program.wait() == 0
