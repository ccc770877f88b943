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

from batch import queries, schema
from batch.database import connect
from batch.seed import flowers
from batch.settings import Settings
from local import servers
from local.processes import ROOT, ProgramFailed, uninterrupted, wait_until
from local.stack import ARTIFACTS

# A commit is on the disk before it is answered; what is measured fits into memory.
OPTIONS = ["--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=1G"]
# The least that gives every row a prediction, its state and its model version: one statement, nothing read or sent.
UPDATE = (
    "UPDATE items SET prediction = '[0.9768597483634949,0.015393489971756935,0.007746765855699778]', "
    "label = 'setosa', state = 'done', model_version = 1, attempts = attempts + 1, reason = NULL, "
    "updated_at = CURRENT_TIMESTAMP"
)


@dataclass(frozen=True)
class Run:
    """What runners came to: `seconds` from the moment at which all got the table until the last gave its summary."""

    seconds: float
    megabytes: float  # the most that any one of them had in memory


class Bed:
    """Starts the server and keeps its data in a folder that goes with it; leaves nothing running."""

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
        for chunk in flowers(rows, seed=0):
            with engine.begin() as transaction:
                queries.seed(transaction, chunk)
        with self.connect(database) as connection:
            connection.cursor().execute("RENAME TABLE items TO source")
            connection.cursor().execute("CREATE TABLE items LIKE source")
        return engine

    def refill(self, database: str) -> None:
        """Put a new copy of `source` in the place of `items`, with the same ids."""
        with self.connect(database) as connection:
            connection.cursor().execute("DROP TABLE items")
            connection.cursor().execute("CREATE TABLE items LIKE source")
            connection.cursor().execute("INSERT INTO items SELECT * FROM source")

    def update(self, database: str) -> float:
        """Return the seconds of one UPDATE of all rows by the server itself."""
        self.refill(database)
        with self.connect(database) as connection:
            began = time.monotonic()
            connection.cursor().execute(UPDATE)
            return time.monotonic() - began

    def run(self, database: str, runners: int = 1, chunk_rows: int | None = None) -> Run:
        """Let `runners` processes of the real job predict what waits in `database`, all from the same moment on."""
        flags = [] if chunk_rows is None else ["--chunk-rows", str(chunk_rows)]
        argv = [sys.executable, "-m", "batch.job", "--json", *flags]
        env = os.environ | {"DATABASE_URL": self.url(database), "MODEL_DIR": str(ARTIFACTS / "iris")}
        with self.connect(database) as holder:
            holder.cursor().execute("LOCK TABLES items WRITE")
            for _ in range(runners):
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
        """Return, once every runner has given its summary, the most megabytes that one had; their end takes a while."""
        peak, at_work = 0.0, list(self._runners)
        while at_work:
            spoken, _, _ = select.select([runner.stdout for runner in at_work], [], [], 0.02)
            peak = max(peak, *map(peak_megabytes, at_work))
            at_work = [runner for runner in at_work if runner.stdout not in spoken]
        return peak

    def _waiting(self) -> int:
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table %'")
            return int(cursor.fetchone()[0])


def peak_megabytes(process: "subprocess.Popen[str]") -> float:
    """Return the most memory that a process has had so far, 0 once it has ended."""
    try:
        status = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmHWM:")[1].split()[0]) / 1024 if "VmHWM:" in status else 0
