"""The real HAProxy with the real `haproxy.cfg` on free ports."""

import json
import os
import signal
import socket
import ssl
import subprocess
from contextlib import closing, suppress
from http.client import HTTPSConnection
from pathlib import Path

import httpx

from local import servers
from local.processes import ROOT, Program, wait_until

NAMES = {"WEB_SINGLE": "web-single", "ASYNCHRONOUS": "asynchronous-proxy", "BATCH": "batch-api"}
FOLDER = ROOT / "gateway"


def new_key(folder: Path, name: str) -> str:
    """Add a key with `gateway/key.sh`, and return it."""
    argv = ["sh", str(FOLDER / "key.sh"), name, str(folder / "keys")]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def haproxy() -> str:
    found = servers.executable("haproxy")
    assert found, "haproxy is not installed; run: apt-get install haproxy"
    return found


class Gateway:
    """HAProxy with its certificate and keys in `folder`, and the keys of two callers: shop and lab."""

    def __init__(self, folder: Path, **settings: str) -> None:
        secrets = ["sh", str(FOLDER / "secrets.sh"), "077", str(folder)]
        subprocess.run(secrets, check=True, capture_output=True)
        self.key, self.other_key = new_key(folder, "shop"), new_key(folder, "lab")
        self._first_key = new_key(folder, "first")
        self.folder, self.port, probes = folder, servers.free_port(), servers.free_port()
        self.url, self.probes = f"https://localhost:{self.port}", f"http://127.0.0.1:{probes}"
        self.tls = ssl.create_default_context(cafile=str(folder / "tls.crt"))
        env = {"GATEWAY_PORT": str(self.port), "PROBE_PORT": str(probes), "SECRETS_FOLDER": str(folder)}
        argv = [haproxy(), "-W", "-db", "-f", str(FOLDER / "haproxy.cfg")]
        log, env = folder / "haproxy.log", env | settings
        self.program = Program("haproxy", argv, lambda: servers.answers(f"{self.probes}/ready"), log, env)
        self.program.wait_ready()

    def client(self, key: str | None, **headers: str) -> httpx.Client:
        """Return a client which sends `key`, if there is one, and `headers` with every request."""
        given = {"x-api-key": key} if key else {}
        return httpx.Client(base_url=self.url, verify=self.tls, headers=given | headers, timeout=60)

    def ask(self, target: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
        """Send a request for `target` as it is written, which httpx would normalise, and return status and body."""
        with closing(HTTPSConnection("localhost", self.port, context=self.tls, timeout=60)) as connection:
            connection.request(method, target, headers={"x-api-key": self.key} | headers)
            response = connection.getresponse()
            return response.status, response.read()

    def probe(self, path: str) -> tuple[int, object]:
        """Return status and JSON of the port for probes."""
        answer = httpx.get(f"{self.probes}{path}", timeout=60)
        return answer.status_code, answer.json()

    def connect(self, *protocols: str) -> ssl.SSLSocket:
        """Return a bare connection, for which `protocols` are offered."""
        connection = socket.create_connection(("localhost", self.port), timeout=60)
        tls = self.tls
        if protocols:
            tls = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
            tls.set_alpn_protocols(list(protocols))
        return tls.wrap_socket(connection, server_hostname="localhost")

    def reload(self) -> None:
        """Let HAProxy read its keys again. HAProxy 2.6 ignores the signal while it still starts."""
        before = self.workers()
        while not self.workers() - before:
            os.kill(self.program.pid, signal.SIGUSR2)
            with suppress(TimeoutError):
                wait_until(lambda: self.workers() - before, 1)

    def workers(self) -> set[int]:
        """Return the processes that serve, or still end their connections."""
        children = Path(f"/proc/{self.program.pid}/task/{self.program.pid}/children")
        return {int(pid) for pid in children.read_text().split()}

    def wait_for(self, *services: str) -> None:
        """Return when each service has a server that is ready. The callers' own keys are not used for it."""
        with self.client(self._first_key) as client:
            for service in services:
                path = f"/{service}/label"
                what = f"{service} behind the gateway"
                wait_until(lambda path=path: client.get(path).status_code not in (429, 503), what=what)

    def log(self, key: str) -> list[dict[str, object]]:
        """Return the lines of JSON that it has written so far about requests with the key of this name."""
        whole = self.program.log.read_text().split("\n")[:-1]  # without the last, which may be incomplete
        lines = [json.loads(line) for line in whole if line.startswith("{")]
        return [line for line in lines if line.get("key") == key]
