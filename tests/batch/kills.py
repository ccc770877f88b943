"""Kill runners and their database again and again while they work, and count the predictions of each row.

    python -m tests.batch.kills --rows 100000 --runners 4

A kill is SIGKILL for a runner that is connected; a new runner replaces it. Two of three kills need a runner that has
claimed rows. The database server is killed once, half-way. The exit code is 1 if a row has no prediction, was written
twice, or differs from a direct run of the model, or if a runner that was not killed ended with an exit code other
than 0.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

import pymysql
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, TextClause, text

from batch.retry import retrying
from batch.tables import State
from local import servers
from local.processes import Program, uninterrupted

from . import audit
from .conftest import count, fill, open_engine

CONNECTED = text("SELECT user FROM information_schema.processlist WHERE user LIKE 'runner%'")
HOLDERS = text(
    "SELECT user FROM information_schema.innodb_trx JOIN information_schema.processlist ON id = trx_mysql_thread_id "
    "WHERE trx_rows_locked > 0"
)
MOST_SECONDS = 900  # until all rows must be done


@dataclass(frozen=True)
class Plan:
    """The size of the run, with the seconds between two kills, and those that each row's `update` takes longer."""

    rows: int
    runners: int
    chunk_rows: int
    every: float
    update: float = 0.003


@dataclass(frozen=True)
class Report:
    """The result; `crashed` runners ended by themselves with an exit code other than 0, or with a traceback."""

    rows: int
    kills: int
    kills_with_claimed_rows: int
    server_restarts: int
    crashed: int
    wrong: int
    doubled: int
    missing: int
    seconds: float

    @property
    def all_kept(self) -> bool:
        return not (self.crashed or self.wrong or self.doubled or self.missing)


class Fleet:
    """A MariaDB and its runners, each with a user of its own there; as a context manager it leaves nothing running."""

    def __init__(self, folder: Path, plan: Plan, start: Callable[..., Program]) -> None:
        self._folder, self._plan, self._start, self._port = folder, plan, start, servers.free_port()
        self._server: list[Program] = []
        self._runners: dict[str, Program] = {}
        self.kills = self.with_claimed_rows = self.server_restarts = self.crashed = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with uninterrupted():
            for program in (*self._runners.values(), *self._server):
                program.stop()

    def start(self) -> Engine:
        """Start the server, fill the table, start the runners, and return an engine for observing them."""
        self._start_server()
        with pymysql.connect(host="127.0.0.1", port=self._port, user="root") as connection:
            connection.cursor().execute("CREATE DATABASE kills CHARACTER SET utf8mb4")
        self.engine = open_engine(self._url("root"))
        self.rows = fill(self.engine, self._plan.rows)
        audit.install(self.engine, self._plan.update)
        for name in (f"runner{number}" for number in range(self._plan.runners)):
            with self.engine.begin() as connection:
                connection.execute(text(f"CREATE USER {name}@localhost"))
                connection.execute(text(f"GRANT ALL ON kills.* TO {name}@localhost"))
            self._start_runner(name)
        return self.engine

    def _url(self, user: str) -> str:
        return f"mysql+pymysql://{user}@127.0.0.1:{self._port}/kills"

    def _start_server(self) -> None:
        with uninterrupted():
            self._server = [servers.mariadb_server(self._port, self._folder / "mariadb")]
        self._server[0].wait_ready()

    def _start_runner(self, name: str) -> None:
        argv = [sys.executable, "-m", "batch.job", "--chunk-rows", str(self._plan.chunk_rows)]
        log = self._folder / f"{name}.log"
        with uninterrupted():
            self._runners[name] = self._start(name, argv, lambda: True, log, {"DATABASE_URL": self._url(name)})

    def restart_server(self) -> None:
        """Kill the server and restart it with the same data; the runners wait for it."""
        self._server[0].kill()
        self._start_server()
        self.server_restarts += 1

    def replace_ended(self) -> None:
        """Restart runners that had nothing left to claim: a killed runner may have released rows."""
        for name, program in list(self._runners.items()):
            if program.poll() is not None:
                self.crashed += program.poll() != 0
                self._start_runner(name)

    def kill_one(self) -> bool:
        """SIGKILL a runner that is connected; SIGSTOP comes first, to see whether it has claimed rows.

        Returns False, and kills none, if none is connected or if this kill is one that needs claimed rows.
        """
        connected = self._users(CONNECTED) & {name for name, one in self._runners.items() if one.poll() is None}
        if not connected:
            return False
        name = random.choice(sorted(connected))
        program = self._runners[name]
        os.kill(program.pid, signal.SIGSTOP)
        time.sleep(0.2)  # a commit on its way arrives, and InnoDB's picture of its transactions is at most 0.1 s old
        holds = name in self._users(HOLDERS)
        if not holds and self.kills % 3 < 2:
            os.kill(program.pid, signal.SIGCONT)
            return False
        self.with_claimed_rows += holds
        program.kill()
        self._start_runner(name)
        self.kills += 1
        return True

    def _users(self, query: TextClause) -> set[str]:
        with self.engine.connect() as connection:
            return set(connection.execute(query).scalars())

    def settle(self) -> None:
        """Wait until the runners find nothing left, and count errors that they did not handle."""
        for program in self._runners.values():
            self.crashed += program.wait(280) != 0
        self.crashed += sum(log.read_text().count("Traceback") for log in self._folder.glob("runner*.log"))


def work(fleet: Fleet, plan: Plan, engine: Engine) -> None:
    """Kill as planned until every row is done.

    A busy machine may take longer to start a runner than the time between two kills, so rows must be done in between.
    """
    began, killed, done_before = time.monotonic(), time.monotonic(), 0
    while (done := retrying(30)(count, engine, State.DONE)) < plan.rows:
        fleet.replace_ended()
        due = time.monotonic() - killed >= plan.every and done - done_before >= 10 * plan.chunk_rows
        if done >= plan.rows / 2 and not fleet.server_restarts:
            fleet.restart_server()
        elif due and fleet.kill_one():
            killed, done_before = time.monotonic(), done
        if time.monotonic() - began > MOST_SECONDS:
            raise TimeoutError(f"{done} of {plan.rows} rows are done after {MOST_SECONDS} s")
        time.sleep(0.05)


def run(plan: Plan, folder: Path, start: Callable[..., Program] = Program) -> Report:
    """Have all rows predicted during the kills; logs and data go to `folder`, and `start` starts the runners."""
    began = time.monotonic()
    with Fleet(folder, plan, start) as fleet:
        engine = fleet.start()
        work(fleet, plan, engine)
        fleet.settle()
        seconds, verdict = time.monotonic() - began, audit.judge(engine, fleet.rows)
        engine.dispose()
    counts = fleet.kills, fleet.with_claimed_rows, fleet.server_restarts, fleet.crashed
    return Report(plan.rows, *counts, **verdict._asdict(), seconds=round(seconds, 1))


def main() -> None:
    """Run once and print the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.batch.kills", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--runners", type=int, default=4)
    parser.add_argument("--chunk-rows", type=int, default=100)
    parser.add_argument("--every", type=float, default=1, help="seconds between two kills (1)")
    plan = Plan(**vars(parser.parse_args()))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both mean: stop all that was started
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        report = run(plan, folder)
    except BaseException:
        print(f"the logs are in {folder}", file=sys.stderr)
        raise
    table = Table("", "", title=f"{plan.runners} runners, chunks of {plan.chunk_rows}", show_header=False)
    for name, value in asdict(report).items():
        table.add_row(name.replace("_", " "), f"{value:,}")
    Console().print(table)
    if not report.all_kept or not report.kills_with_claimed_rows:
        sys.exit(f"a promise was broken, or no runner was killed with claimed rows; the logs are in {folder}")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
