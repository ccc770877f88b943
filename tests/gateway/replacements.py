"""Requests through the gateway over three real web_single servers while two are replaced.

python -m tests.gateway.replacements --requests 10000
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
from local.servers import answers, free_port
from tests.conftest import ARTIFACTS
from tests.web_single.running import COMMAND, ROW

from .names import NameServer
from .running import Gateway

CALLERS = 8


@dataclass
class Outcome:
    """What became of the requests: a status or an error for each, and how many each server answered."""

    results: list[int | str] = field(default_factory=list)  # callers in several threads append to it
    servers: Counter[object] = field(default_factory=Counter)
    retried: int = 0


class Servers:
    """Real web_single servers on addresses of this machine, which share a name as containers of one service do."""

    def __init__(self, names: NameServer, folder: Path) -> None:
        self.port, self._folder = free_port(), folder
        self._addresses = names.addresses["web-single"]
        self._programs: dict[str, Program] = {}

    def start(self, address: str) -> None:
        """Start a server. Its name resolves at once, although it is not ready yet."""
        url, log = f"http://{address}:{self.port}/ready", self._folder / f"web_single-{address}.log"
        env = {"MODEL_DIR": str(ARTIFACTS / "iris"), "WEB_CONCURRENCY": "1"}
        argv = [*COMMAND, "--bind", f"{address}:{self.port}"]
        self._programs[address] = Program("web_single", argv, lambda: answers(url), log, env)
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


def run(requests: int, folder: Path, kill: bool = False) -> Outcome:
    """Send at least `requests`; replace one server after a quarter of them, and another after a half, or `kill` it."""
    with ExitStack() as stack:
        names = stack.enter_context(NameServer())
        servers = Servers(names, folder)
        stack.callback(servers.end)
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            servers.start(address)
        for address in ("127.0.0.1", "127.0.0.2", "127.0.0.3"):
            servers.wait_ready(address)
        limits = {"KEY_REQUESTS_PER_SECOND": "1000000", "WEB_SINGLE": f"web-single:{servers.port}"}
        gateway = Gateway(folder, NAMESERVER=names.address, **limits)
        stack.callback(gateway.program.stop)
        gateway.wait_for("web_single")
        return _load(gateway, servers, requests, kill)


def _load(gateway: Gateway, servers: Servers, requests: int, kill: bool) -> Outcome:
    outcome, replaced = Outcome(), threading.Event()
    with ThreadPoolExecutor(CALLERS) as pool:

        def ended() -> bool:
            return replaced.is_set() and len(outcome.results) >= requests

        callers = [pool.submit(_call, gateway, ended, outcome) for _ in range(CALLERS)]
        try:
            _replace_two(servers, outcome, requests, kill)
        finally:
            replaced.set()
        for caller in callers:
            caller.result()
    wait_until(lambda: len(gateway.log("shop")) >= len(outcome.results), what="the log")
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


def _call(gateway: Gateway, ended: Callable[[], bool], outcome: Outcome) -> None:
    with gateway.client(gateway.key, **{"content-type": "application/json"}) as client:
        while not ended():
            try:
                outcome.results.append(client.post("/web_single/predict", content=ROW).status_code)
            except httpx.HTTPError as error:
                outcome.results.append(repr(error))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--kill", action="store_true", help="kill the second server instead of stopping it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = run(options.requests, Path(folder), options.kill)
    print(f"{len(outcome.results)} requests: {dict(Counter(outcome.results))}")
    print(f"answered by {dict(outcome.servers)}, {outcome.retried} sent again by the gateway")
    raise SystemExit(set(outcome.results) != {200})


if __name__ == "__main__":
    main()
