"""A MariaDB of the benchmark's own, its tables, and runners of the real job."""

import os
import select
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pymysql
from sqlalchemy import Engine

from batch.database import connect
from batch.migrate import schema
from batch.seed import flowers as seed
from batch.settings import Settings
from local import servers
from local.processes import ROOT, ProgramFailed, uninterrupted, wait_until
from local.stack import ARTIFACTS

# A commit is on the disk before it is answered; the tables fit into memory.
OPTIONS = ["--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=1G"]


@dataclass(frozen=True)
class Run:
    """A measurement: `seconds` from when all runners got the table until the last one printed its summary."""

    seconds: float
    megabytes: float  # the peak of the runner that needed the most memory


class Environment:
    """Starts the server with its data in a temporary folder; leaves nothing running."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="benchmark-")
        self._port, self._runners = servers.free_port(), list[subprocess.Popen[str]]()
        with uninterrupted():
            self._server = servers.mariadb_server(self._port, Path(self._temporary.name), *OPTIONS)

    def __enter__(self) -> Self:
        try:
            self._server.wait_ready()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self._runners:
            runner.kill()
            runner.wait()
        self._server.stop()
        self._temporary.cleanup()

    def connect(self, database: str | None = None) -> "pymysql.Connection[Any]":
        """Return a connection to `database` in which each statement is its own transaction."""
        where = {"host": "127.0.0.1", "port": self._port, "user": "root", "database": database}
        return pymysql.connect(**where, autocommit=True, init_command="SET time_zone = '+00:00'")

    def url(self, database: str) -> str:
        return f"mysql+pymysql://root@127.0.0.1:{self._port}/{database}"

    def create(self, database: str, rows: int) -> Engine:
        """Create a database whose table `source` holds `rows` rows without a prediction, and an empty `items`."""
        with self.connect() as connection:
            connection.cursor().execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        engine = connect(Settings(database_url=f"{self.url(database)}?local_infile=1"))
        schema.upgrade(engine)
        for chunk in seed.flowers(rows, seed=0):
            with engine.begin() as transaction:
                seed.add(transaction, chunk)
        with self.connect(database) as connection:
            connection.cursor().execute("RENAME TABLE items TO source")
            connection.cursor().execute("CREATE TABLE items LIKE source")
        return engine

    def refill(self, database: str) -> None:
        """Replace `items` by a new copy of `source`, with the same ids."""
        with self.connect(database) as connection:
            connection.cursor().execute("DROP TABLE items")
            connection.cursor().execute("CREATE TABLE items LIKE source")
            connection.cursor().execute("INSERT INTO items SELECT * FROM source")

    def run(self, database: str, runners: int = 1, chunk_rows: int | None = None) -> Run:
        """Let `runners` processes of the real job predict the rows of `database`, all from the same moment on."""
        flags = [] if chunk_rows is None else ["--chunk-rows", str(chunk_rows)]
        argv = [sys.executable, "-m", "batch.job", "--json", *flags]
        env = os.environ | {"DATABASE_URL": self.url(database), "MODEL_DIR": str(ARTIFACTS / "iris")}
        with self.connect(database) as holder:
            holder.cursor().execute("LOCK TABLES items WRITE")
            for _ in range(runners):
                with uninterrupted():
                    self._runners.append(subprocess.Popen(argv, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True))
            wait_until(lambda: self._waiting() == runners, 60, "the runners to start")
            holder.cursor().execute("UNLOCK TABLES")
            began = time.monotonic()
            megabytes = self._peak()
            seconds = time.monotonic() - began
        for runner in self._runners:
            runner.communicate()
            if runner.returncode:
                raise ProgramFailed(f"batch.job ended with exit code {runner.returncode}")
        self._runners.clear()
        return Run(seconds, megabytes)

    def _peak(self) -> float:
        """Return the peak megabytes of any runner once each has printed its summary, which is before its exit."""
        peak, working = 0.0, list(self._runners)
        while working:
            printed, _, _ = select.select([runner.stdout for runner in working], [], [], 0.02)
            peak = max(peak, *map(peak_megabytes, working))
            working = [runner for runner in working if runner.stdout not in printed]
        return peak

    def _waiting(self) -> int:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table %'")
            return int(cursor.fetchone()[0])


def peak_megabytes(process: "subprocess.Popen[str]") -> float:
    """Return the peak memory of a process so far, 0 once it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) / 1024 if "VmHWM:" in status else 0
