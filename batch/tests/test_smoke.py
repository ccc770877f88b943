"""The lesson end to end, on SQLite: it travels with a copy of the folder and passes without the optional folders."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1]
MODEL_DIR = os.environ.get("MODEL_DIR", str(FOLDER.parent / "models" / "artifacts" / "iris"))
VERSION = max(Path(MODEL_DIR).glob("*/golden.json"), key=lambda path: int(path.parent.name)).parent
MANIFEST, GOLDEN = (json.loads((VERSION / name).read_bytes()) for name in ("manifest.json", "golden.json"))
COLUMNS = [np.array(GOLDEN["inputs"][each["name"]], object) for each in MANIFEST["inputs"]]
ROWS = np.concatenate([column.reshape(len(column), -1) for column in COLUMNS], axis=1).tolist()


@pytest.fixture
def start(tmp_path):
    """Start a command on a database of the test's own."""
    env = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/rows.sqlite3", "MODEL_DIR": MODEL_DIR}

    def start(command, *flags):
        argv = [sys.executable, "-m", f"{FOLDER.name}.{command}", *flags]
        return subprocess.Popen(argv, cwd=FOLDER.parent, env=env, stdout=subprocess.PIPE, text=True)

    return start


@pytest.fixture
def sql(tmp_path):
    def sql(statement, values=()):
        with closing(sqlite3.connect(tmp_path / "rows.sqlite3", timeout=30)) as connection, connection:
            return connection.execute(statement, values).fetchall()

    return sql


@pytest.fixture
def add(start, sql):
    def add(*rows):
        """Store rows; a run without rows creates the table."""
        finish(start("job"))
        sql(f'INSERT INTO items ("values") VALUES {", ".join(["(?)"] * len(rows))}', [json.dumps(row) for row in rows])

    return add


def finish(program):
    printed, _ = program.communicate(timeout=300)
    return program.returncode, printed


def test_every_row_gets_the_prediction_of_the_trainer_once(start, sql, add):
    add(*ROWS)
    assert finish(start("job"))[1].startswith(f"{len(ROWS)} rows predicted, 0 failed")
    expected = GOLDEN["outputs"][MANIFEST.get("output") or next(iter(GOLDEN["outputs"]))]
    predicted = [json.loads(text) for (text,) in sql("SELECT prediction FROM items ORDER BY id")]
    np.testing.assert_allclose(np.ravel(predicted), np.ravel(expected), GOLDEN["tolerance"], GOLDEN["tolerance"])
    assert sql("SELECT DISTINCT state, model_version, attempts FROM items") == [("done", int(VERSION.name), 1)]
    assert finish(start("job")) == (0, "nothing to do: no unclaimed row waits for a prediction\n")


def test_a_bad_row_fails_alone_with_its_reason(start, sql, add):
    add(ROWS[0], ROWS[0][1:])
    code, printed = finish(start("job"))
    assert (code, printed.startswith("1 rows predicted, 1 failed")) == (3, True)
    (good, none), (bad, reason) = sql("SELECT state, reason FROM items ORDER BY id")
    assert (good, none, bad, bool(reason)) == ("done", None, "failed", True)


def test_sigterm_ends_a_run_and_the_next_run_does_the_rest(start, sql, add):
    add(*ROWS[:1] * 3000)
    job = start("job", "--chunk-rows", "1")
    while not sql("SELECT COUNT(*) FROM items WHERE state = 'done'")[0][0]:
        time.sleep(0.01)
    job.send_signal(signal.SIGTERM)
    assert finish(job)[0] == 143
    left = sql("SELECT COUNT(*) FROM items WHERE state = 'pending' AND attempts = 0")[0][0]
    assert left
    assert finish(start("job"))[1].startswith(f"{left:,} rows predicted, 0 failed")
    assert sql("SELECT DISTINCT state, model_version, attempts FROM items") == [("done", int(VERSION.name), 1)]
