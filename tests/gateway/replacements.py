"""Requests through the gateway over three real servers of a service while two are replaced.

python -m tests.gateway.replacements --service web_single --requests 10000
"""

import argparse
import os
import signal
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from local.processes import Program, wait_until
from local.servers import answers, free_port, redis_server

from .names import NameServer
from .running import NAMES, Gateway
from .services import SERVICES, Send

CALLERS = 8
Start = Callable[..., Program]


@dataclass
class Outcome:
    """What became of the requests: a status or an error for each, and how many each server answered."""

    expected: int
    results: list[int | str] = field(default_factory=list)  # callers in several threads append to it
    servers: Counter[object] = field(default_factory=Counter)
    retried: int = 0


class Servers:
    """Real servers on addresses of this machine, which share a name as containers of one service do."""

    def __init__(self, service: str, names: NameServer, folder: Path, start: Start, **env: str) -> None:
        self.service, self.port, self._folder, self._env = service, free_port(), folder, env
        self._start = start
        self._addresses = names.addresses[NAMES[service.upper()]]
        self._programs: dict[str, Program] = {}

    def start(self, address: str) -> None:
        """Start a server. Its name resolves at once, although it is not ready yet."""
        url, log = f"http://{address}:{self.port}/ready", self._folder / f"{self.service}-{address}.log"
        service = SERVICES[self.service]
        argv, env = service.argv(address, self.port), service.env | self._env
        self._programs[address] = self._start(self.service, argv, lambda: answers(url), log, env)
        self._addresses.append(address)

    def wait_ready(self, address: str) -> None:
        self._programs[address].wait_ready()

    def stop(self, address: str) -> None:
        """Stop a server as `docker stop` does; its name resolves until it has ended."""
        self._programs.pop(address).stop(30)
        self._addresses.remove(address)

    def crash(self, address: str) -> None:
        """Kill a server and its workers, as the loss of its machine would. An answer that it is sending is lost."""
        os.killpg(self._programs.pop(address).pid, signal.SIGKILL)
        self._addresses.remove(address)

    def end(self) -> None:
        for address in list(self._programs):
            self.stop(address)


def run(service: str, requests: int, folder: Path, kill: bool = False, start: Start = Program) -> Outcome:
    """Send at least `requests`; replace one server after a quarter of them, and another after a half, or `kill` it."""
    with ExitStack() as stack:
        names = stack.enter_context(NameServer())
        port, database = free_port(), folder / "rows.sqlite3"
        env = {"REDIS_URL": f"redis://127.0.0.1:{port}/0", "DATABASE_URL": f"sqlite:///{database}"}
        if service == "asynchronous":
            redis = redis_server(port, folder / "redis")
            stack.callback(redis.stop)
            redis.wait_ready()
        servers = Servers(service, names, folder, start, **env)
        stack.callback(servers.end)
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            servers.start(address)
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            servers.wait_ready(address)
        address = {service.upper(): f"{NAMES[service.upper()]}:{servers.port}"}
        gateway = Gateway(folder, NAMESERVER=names.address, KEY_REQUESTS_PER_SECOND="1000000", **address)
        stack.callback(gateway.program.stop)
        gateway.wait_for(service)
        return _load(gateway, servers, requests, kill)


def _load(gateway: Gateway, servers: Servers, requests: int, kill: bool) -> Outcome:
    service = SERVICES[servers.service]
    outcome, replaced = Outcome(service.status), threading.Event()
    with ThreadPoolExecutor(CALLERS) as pool:

        def ended() -> bool:
            return replaced.is_set() and len(outcome.results) >= requests

        callers = [pool.submit(_call, gateway, service.send, ended, outcome) for _ in range(CALLERS)]
        try:
            _replace_two(servers, outcome, requests, kill)
        finally:
            replaced.set()
        for caller in callers:
            caller.result()
    # HAProxy's threads do not wait for each other at stdout: some of ten thousand lines are lost.
    wait_until(lambda: len(gateway.log("shop")) >= 0.99 * len(outcome.results), what="the log")
    outcome.servers.update(line["server"] for line in gateway.log("shop"))
    outcome.retried = sum(line["retries"] != "0" for line in gateway.log("shop"))
    return outcome


def _replace_two(servers: Servers, outcome: Outcome, requests: int, kill: bool) -> None:
    _wait_for(outcome, requests // 4)
    servers.stop("127.0.0.2")
    servers.start("127.0.0.4")
    servers.wait_ready("127.0.0.4")
    _wait_for(outcome, requests // 2)
    servers.crash("127.0.0.3") if kill else servers.stop("127.0.0.3")
    servers.start("127.0.0.3")  # a container that is started again may get its address again
    servers.wait_ready("127.0.0.3")


def _wait_for(outcome: Outcome, count: int) -> None:
    wait_until(lambda: len(outcome.results) >= count, 300, f"{count} answers")


def _call(gateway: Gateway, send: Send, ended: Callable[[], bool], outcome: Outcome) -> None:
    with gateway.client(gateway.key) as client:
        while not ended():
            try:
                answer = send(client)
                as_expected = answer.status_code == outcome.expected
                outcome.results.append(answer.status_code if as_expected else f"{answer.status_code} {answer.text}")
            except httpx.HTTPError as error:
                outcome.results.append(repr(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--service", choices=SERVICES, default="web_single")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--kill", action="store_true", help="kill the second server instead of stopping it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(options.service, options.requests, Path(folder), options.kill)
    print(f"{len(outcome.results)} requests: {dict(Counter(outcome.results))}")
    print(f"answered by {dict(outcome.servers)}, {outcome.retried} sent again by the gateway")
    raise SystemExit(set(outcome.results) != {outcome.expected})


if __name__ == "__main__":
    main()
