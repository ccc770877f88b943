from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.main import get_command
from typer.testing import CliRunner

from batch.files.seed import CHUNK_ROWS, app, flowers
from tests.batch.commands import run
from tests.batch.conftest import items


def test_the_same_seed_gives_the_same_rows_and_another_one_others():
    assert list(flowers(50, seed=1)) == list(flowers(50, seed=1))
    assert list(flowers(50, seed=1)) != list(flowers(50, seed=2))


def test_a_longer_run_begins_with_the_rows_of_a_shorter_one():
    short, long = ([row for chunk in flowers(n, seed=0) for row in chunk] for n in (CHUNK_ROWS + 10, 3 * CHUNK_ROWS))
    assert len(short) == CHUNK_ROWS + 10
    assert long[: len(short)] == short


def test_rows_are_made_as_they_are_needed():
    chunks = flowers(10**15, seed=0)
    assert [len(chunk) for chunk in islice(chunks, 2)] == [CHUNK_ROWS, CHUNK_ROWS]


def test_rows_look_like_flowers():
    (rows,) = flowers(1000, seed=0)
    assert all(len(row) == 4 and all(0 < value < 12 for value in row) for row in rows)


def test_a_csv_file_becomes_rows(mariadb: Engine, tmp_path: Path):
    (tmp_path / "rows.csv").write_text("a,b,c,d\n5.1,3.5,1.4,0.2\n6,3,5,2\n")
    done = run("seed", mariadb, "--csv", str(tmp_path / "rows.csv"))
    assert (done.returncode, done.stdout[:13], done.stderr) == (0, "2 rows added ", "")
    assert [item.values for item in items(mariadb)] == [[5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 5.0, 2.0]]


def test_a_bad_line_ends_the_load_and_the_rows_before_it_are_reported(sqlite: Engine):
    done = run("seed", sqlite, "--csv", "-", stdin="1,2,3,4\n" * (CHUNK_ROWS + 5) + "1,2,x,4\n")
    assert done.returncode == 2
    assert done.stderr == "line 2006: column 3: not a number; nothing from line 2001 on was added\n"
    assert done.stdout.startswith("2,000 rows added ")
    assert len(items(sqlite)) == CHUNK_ROWS


@pytest.mark.parametrize("flags", [[], ["--rows", "1", "--csv", "-"], ["--rows", "-1"]])
def test_bad_usage_is_exit_code_2(flags):
    assert CliRunner().invoke(app, flags).exit_code == 2


def test_the_password_is_in_no_line_and_no_flag_takes_one(secretive: str):
    told = run("seed", secretive, "--rows", "1", LOG_LEVEL="DEBUG")
    refused = run("seed", secretive.replace("spy:", "root:"), "--rows", "1", LOG_LEVEL="DEBUG")
    assert (told.returncode, refused.returncode, "Access denied" in refused.stderr) == (0, 4, True)
    assert "s3cret" not in told.stdout + told.stderr + refused.stdout + refused.stderr
    assert {flag.name for flag in get_command(app).params} == {"rows", "seed", "file"}
