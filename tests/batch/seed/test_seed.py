import os
import re
import sys
from itertools import islice
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.main import get_command
from typer.testing import CliRunner

from batch.seed.__main__ import app
from batch.seed.flowers import CHUNK_ROWS, flowers
from batch.seed.load import LoadBusy, add_chunk, add_rows, new_name, open_load
from batch.seed.options import BadOption, rows_of
from batch.settings import Settings
from tests.batch.commands import run
from tests.batch.conftest import count_of, items, open_engine


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
    (tmp_path / "rows.csv").write_text("d;c;b;a\n0,2;1,4;3,5;5,1\n2;5;3;6\n")
    done = run("seed", mariadb, "--csv", str(tmp_path / "rows.csv"), "--columns", "a,b,c,d")
    assert (done.returncode, done.stdout[:13], done.stderr) == (0, "2 rows added ", "")
    assert [item.values for item in items(mariadb)] == [[5.1, 3.5, 1.4, 0.2], [6.0, 3.0, 5.0, 2.0]]


def test_the_names_of_columns_may_have_spaces_between_them_and_none_comes_twice(artifacts: Path, tmp_path: Path):
    (tmp_path / "rows.csv").write_text("d,c,b,a\n0.2,1.4,3.5,5.1\n")

    def read(names: str):
        settings = Settings(model_dir=artifacts / "iris")
        return rows_of(settings, tmp_path / "rows.csv", (None, None, None), None, names, None)

    assert [row.values for chunk in read("a, b ,c, d") for row in chunk] == [[5.1, 3.5, 1.4, 0.2]]
    with pytest.raises(BadOption, match=r"^--columns: 'a' comes twice$"):
        list(read("a,a,c,d"))


def test_a_bad_line_ends_the_load_and_the_rows_before_it_are_reported(sqlite: Engine):
    done = run("seed", sqlite, "--csv", "-", stdin="1,2,3,4\n" * (CHUNK_ROWS + 5) + "1,2,x,4\n")
    assert done.returncode == 2
    assert done.stderr == "line 2006: column 3: not a number; nothing from line 2001 on was added\n"
    assert done.stdout.startswith("2,000 rows added ")
    assert len(items(sqlite)) == CHUNK_ROWS


def test_a_load_that_ended_early_goes_on_behind_the_rows_that_are_stored(engine: Engine):
    text = "".join(f"{number},3.5,1.4,0.2\n" for number in range(CHUNK_ROWS + 5))
    ended = run("seed", engine, "--csv", "-", stdin=text + "1,2,x,4\n")
    (name,) = re.findall(r"--resume (\S+)$", ended.stdout.strip())
    done = run("seed", engine, "--csv", "-", "--resume", name, stdin=text)
    again = run("seed", engine, "--csv", "-", "--resume", name, stdin=text)
    assert [each.stdout.partition(" added")[0] for each in (done, again)] == ["5 rows", "0 rows"]
    assert [item.values[0] for item in items(engine)] == list(range(CHUNK_ROWS + 5))


def test_the_name_of_no_load_does_not_store_all_rows_again(engine: Engine):
    done = run("seed", engine, "--rows", "3", "--resume", "rows-typo")
    assert (done.returncode, done.stderr) == (2, "--resume: there is no load rows-typo\n")
    assert items(engine) == []


@pytest.mark.parametrize("name", ["x" * 251 + ".csv", "März 2026 (1).csv", os.fsdecode(b"caf\xe9.csv")])
def test_the_name_of_any_file_becomes_the_name_of_a_load(engine: Engine, name):
    load = new_name(Path(name))
    assert re.fullmatch(r"[\w.-]{12,210}", load, re.ASCII)
    assert (open_load(engine, load), open_load(engine, load, resumed=True)) == (0, 0)


def test_a_chunk_whose_commit_was_not_answered_is_not_stored_twice(engine: Engine):
    chunk = [([1.0], None), ([2.0], None)]
    assert open_load(engine, "one") == 0
    for _ in range(2):
        add_chunk(engine, "one", 0, chunk, add_rows)
    assert (open_load(engine, "one"), len(items(engine))) == (2, 2)
    with pytest.raises(LoadBusy, match=r"^the load one is at row 2, this program at 1: another program uses it$"):
        add_chunk(engine, "one", 1, chunk, add_rows)


def test_a_load_waits_for_a_server_that_restarts(server, start):
    program = server()
    engine = open_engine(server.url)
    argv = [sys.executable, "-m", "batch.seed", "--rows", "60000"]
    load = start("seed", argv, lambda: count_of(engine, "items") > 0, {"DATABASE_URL": server.url})
    program.kill()
    server()
    assert load.wait(100) == 0, load.log.read_text()
    assert count_of(engine, "items") == 60_000
    engine.dispose()


def test_rows_with_a_key_that_are_loaded_again_are_stored_once(engine: Engine):
    text = "id,a,b,c,d\nC-1,5.1,3.5,1.4,0.2\nc-1,6,3,5,2\n"
    flags = ("--csv", "-", "--columns", "a,b,c,d", "--key", "id")
    loaded = [run("seed", engine, *flags, stdin=text) for _ in range(2)]
    assert [done.returncode for done in loaded] == [0, 0]
    assert all(done.stdout.strip().endswith(", or stored there already") for done in loaded)
    changed = run("seed", engine, *flags, stdin=text.replace("5.1", "5.2"))
    assert (changed.returncode, changed.stderr) == (2, "key 'C-1' belongs to row 1, which has other values\n")
    assert [(item.key, item.values[0]) for item in items(engine)] == [("C-1", 5.1), ("c-1", 6)]


@pytest.mark.parametrize("flags", [[], ["--rows", "1", "--csv", "-"], ["--rows", "-1"]])
def test_bad_usage_is_exit_code_2(flags):
    assert CliRunner().invoke(app, flags).exit_code == 2


@pytest.mark.parametrize(
    ("flags", "ignored"),
    [
        (["--rows", "3", "--key", "id"], "--key has no effect on --rows"),
        (["--rows", "3", "--no-names"], "--names has no effect on --rows"),
        (["--encoding", "cp1252", "--rows", "3"], "--encoding has no effect on --rows"),
        (["--csv", "-", "--seed", "1"], "--seed has no effect on --csv"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(sqlite: Engine, flags, ignored):
    done = run("seed", sqlite, *flags, stdin="1,2,3,4\n")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"{ignored}: leave it out\n")
    assert items(sqlite) == []


def test_the_password_is_in_no_line_and_no_flag_takes_one(secretive: str):
    told = run("seed", secretive, "--rows", "1", LOG_LEVEL="DEBUG")
    refused = run("seed", secretive.replace("spy:", "root:"), "--rows", "1", LOG_LEVEL="DEBUG")
    assert (told.returncode, refused.returncode, "Access denied" in refused.stderr) == (0, 4, True)
    assert "s3cret" not in told.stdout + told.stderr + refused.stdout + refused.stderr
    assert {flag.name for flag in get_command(app).params}.isdisjoint({"password", "url"})
