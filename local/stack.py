"""The programs that each pattern needs on a laptop, started and stopped together."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from . import servers
from .processes import ROOT, Program, ProgramFailed, uninterrupted
from .settings import Settings

PATTERNS = ("web_single", "synchronous", "asynchronous", "batch")
ARTIFACTS = ROOT / "models" / "artifacts"
PROXY = ("uvicorn", "--http", "asynchronous.server.http:Protocol", "--factory", "asynchronous.app:create_app")
DURABLE = ("--appendonly", "yes", "--appendfsync", "always")


class Stack:
    """The programs of some patterns; as a context manager it leaves nothing running."""

    def __init__(self, patterns: Iterable[str], settings: Settings, folder: Path) -> None:
        """Plan to run `patterns`, with logs and data in `folder`."""
        self.patterns, self.settings, self.folder = tuple(patterns), settings, folder.resolve()
        self.environment = settings.environment(self.folder)
        self.programs: list[Program] = []
        self._started: dict[str, list[Program]] = {}

    def start(self) -> None:
        """Start everything at once; `wait` returns when a pattern is ready.

        Raises:
            ProgramFailed: a port is taken, or MODEL_DIR is set for several patterns.
        """
        if self.settings.model_dir and len(self.patterns) > 1:
            raise ProgramFailed("MODEL_DIR is for one pattern: add PATTERN=..., or unset it")
        starters = {
            "web_single": self._web_single,
            "synchronous": self._serving,
            "asynchronous": self._asynchronous,
            "batch": self._batch,
        }
        for pattern in self.patterns:
            first = len(self.programs)
            with uninterrupted():
                starters[pattern]()
            self._started[pattern] = self.programs[first:]

    def wait(self, pattern: str, say: Callable[[str], object]) -> None:
        """Wait for each program that was started for `pattern`, and report progress through `say`.

        Raises:
            ProgramFailed: one ended, or was not ready in time.
        """
        for program in self._started[pattern]:
            say(f"waiting for {program.name} (pid {program.pid}, log {program.log})")
            program.wait_ready(self.settings.ready_seconds)

    def stop(self) -> None:
        """Stop the programs, last started first."""
        while self.programs:
            self.programs[-1].stop()
            self.programs.pop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        with uninterrupted():
            self.stop()

    def _run(self, name: str, argv: list[str], ready: Callable[[], bool], **environment: str) -> None:
        log, env = self.folder / f"{name}.log", self.environment | environment
        self.programs.append(Program(name, [sys.executable, "-m", *argv], ready, log, env))

    def _run_http(self, name: str, argv: list[str], path: str, **environment: str) -> None:
        url = f"http://127.0.0.1:{self._port(name)}{path}"
        self._run(name, argv, lambda: servers.answers(url), **environment)

    def _model(self, name: str) -> Path:
        return self.settings.model_dir.resolve() if self.settings.model_dir else ARTIFACTS / name

    def _port(self, name: str) -> int:
        port: int = getattr(self.settings, f"{name}_port")
        if servers.accepts(port):
            raise ProgramFailed(f"port {port} is taken; {name.upper()}_PORT chooses another")
        return port

    def _web_single(self) -> None:
        where = ["-c", "web_single/gunicorn.conf.py", "--bind", f"127.0.0.1:{self.settings.web_single_port}"]
        argv = ["gunicorn", *where, "web_single.app:create_app()"]
        self._run_http("web_single", argv, "/ready", MODEL_DIR=str(self._model("iris")))

    def _serving(self) -> None:
        started = any(program.name == "serving" for program in self.programs)
        if started or (self.settings.serving_grpc and self.settings.serving_rest):
            return
        ports = self._port("serving_grpc"), self._port("serving_rest")
        self.programs.append(servers.serving(*ports, self._model("digits"), self.folder / "serving.log"))

    def _asynchronous(self) -> None:
        if not self.settings.redis_url:
            data = self.folder / "redis"
            self.programs.append(servers.redis_server(self._port("redis"), data, *DURABLE))
        self._serving()
        folder = self._model("digits")
        model = {"MODEL_DIR": str(folder), "MODEL_NAME": os.environ.get("MODEL_NAME", folder.name)}
        proxy = [*PROXY, "--port", str(self.settings.asynchronous_port)]
        self._run_http("asynchronous", proxy, "/ready", **model)
        self._run("asynchronous-worker", ["asynchronous.worker"], lambda: True, **model)

    def _batch(self) -> None:
        if self.settings.database_url:  # SQLite's tables are created automatically; a server needs the command
            migrate = [sys.executable, "-m", "batch.migrate"]
            env = os.environ | self.environment | {"DATABASE_RETRY_SECONDS": "5"}
            done = subprocess.run(migrate, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ProgramFailed(f"batch: {done.stderr.strip().splitlines()[-1]}")
        where = ["--port", str(self.settings.batch_port)]
        argv = ["uvicorn", "--factory", "batch.api:create_app", *where]
        self._run_http("batch", argv, "/ready", MODEL_DIR=str(self._model("iris")))
