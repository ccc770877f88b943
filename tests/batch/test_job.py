import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from batch import job as job_module
from batch.errors import Exit
from batch.job import app
from batch.tables import State
from local.processes import ROOT, Program, wait_until
from tests.batch.commands import run
from tests.batch.conftest import add, count, fill, items, states
from tests.web_single.conftest import save
from tests.web_single.graphs import lookup

GOOD = [5.1, 3.5, 1.4, 0.2]


def job(engine: Engine | str, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run("job", engine, *flags, **environment)


def summary(program: Program) -> dict[str, float]:
    return json.loads(program.log.read_text().splitlines()[-1])


def test_a_run_prints_what_it_did_and_the_next_run_has_nothing_to_do(sqlite: Engine):
    fill(sqlite, 30)
    first, second = job(sqlite), job(sqlite)
    assert first.stdout.startswith("30 rows predicted, 0 failed, ")
    assert first.stdout.endswith("model version 1\n")
    assert (second.returncode, second.stdout[:14], second.stderr) == (0, "nothing to do:", "")


def test_four_runners_share_the_rows_and_do_each_once(engine: Engine, start_job, expected):
    rows = fill(engine, 3000)
    with engine.begin():  # they start at different moments; none gets a row before all could
        runners = [start_job(engine, "--chunk-rows", "50") for _ in range(4)]
    assert [program.wait(200) for program in runners] == [0, 0, 0, 0]
    assert sum(summary(program)["done"] for program in runners) == 3000
    assert [(item.label, item.prediction) for item in items(engine)] == expected(rows)
    assert {(item.attempts, item.model_version) for item in items(engine)} == {(1, 1)}


def test_a_killed_runner_leaves_each_row_untouched_or_done_and_the_next_run_does_the_rest(
    engine: Engine, start_job, expected
):
    rows = fill(engine, 3000)
    for _ in range(2):
        done = count(engine, State.DONE)
        program = start_job(engine, "--chunk-rows", "1")
        wait_until(lambda before=done: count(engine, State.DONE) > before, 120)
        program.kill()
    for item in items(engine):
        untouched = (item.state, item.prediction, item.label, item.model_version, item.attempts)
        assert item.state is State.DONE or untouched == (State.PENDING, None, None, None, 0)
    assert 0 < count(engine, State.DONE) < 3000
    assert job(engine).returncode == 0
    assert [(item.label, item.prediction, item.attempts) for item in items(engine)] == [
        (*row, 1) for row in expected(rows)
    ]


def test_a_run_that_leaves_rows_failed_has_its_own_exit_code(mariadb: Engine):
    add(mariadb, GOOD, [1.0])
    assert (job(mariadb).returncode, states(mariadb)) == (3, "df")


def test_failed_rows_are_no_error_for_an_operator_who_allows_them(mariadb: Engine):
    add(mariadb, [1.0], [5.1, 3.5, 1.4, 0.2])
    done = job(mariadb, "--allow-failed", "--json")
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (0, 1)


@pytest.mark.parametrize("flags", [["--no-such-flag"], ["--on-failure", "hope"], ["--max-attempts", "0"], ["extra"]])
def test_bad_usage_is_exit_code_2(flags):
    assert CliRunner().invoke(app, flags).exit_code == 2


def test_a_wrong_setting_is_one_line_and_exit_code_2():
    done = job("oracle://s3cret@db/x")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("DATABASE_URL: oracle:// is not supported; MySQL and MariaDB (mysql+pymysql://")


def test_an_unreachable_database_is_one_line_and_exit_code_4(free_port):
    done = job(f"mysql+pymysql://batch:s3cret@127.0.0.1:{free_port()}/batch")
    assert (done.returncode, done.stderr.count("\n")) == (4, 1)
    assert done.stderr.startswith("database unavailable: (2003, ")
    assert "s3cret" not in done.stderr


def test_a_database_without_the_tables_is_exit_code_7_and_names_the_command(database_url: str):
    done = job(database_url)
    assert (done.returncode, done.stderr.count("\n")) == (7, 1)
    assert "run `python -m batch.migrate`" in done.stderr


@pytest.mark.parametrize("gone", ["TABLE items", "INDEX items_state_id ON items", "TABLE runs"])
def test_what_disappears_during_a_run_ends_it_with_exit_code_7_and_names_the_command(mariadb: Engine, start_job, gone):
    fill(mariadb, 3000)
    program = start_job(mariadb, "--chunk-rows", "1")
    wait_until(lambda: count(mariadb, State.DONE), 120)
    with mariadb.begin() as connection:
        connection.execute(text(f"DROP {gone}"))
    assert (program.wait(120), "Traceback" in program.log.read_text()) == (7, False)
    assert "run `python -m batch.migrate`" in program.log.read_text()


def test_a_label_that_the_table_cannot_hold_is_refused_before_rows_are_claimed(sqlite: Engine, tmp_path: Path):
    labels = ["a" * 256, "b" * 255]
    sample, folder = [0], tmp_path / "long"
    done = job(sqlite, MODEL_DIR=str(save(folder, lookup(), labels, sample=sample)))
    assert (done.returncode, done.stdout) == (Exit.ARTEFACT, "")
    assert done.stderr.splitlines()[-1] == f"manifest.json: labels: '{'a' * 40}'... exceeds 255 characters; shorten it"
    fits = job(sqlite, MODEL_DIR=str(save(tmp_path / "short", lookup(), ["a" * 255, "b"], sample=sample)))
    assert fits.returncode == Exit.DONE


def test_a_refused_artefact_is_one_line_and_exit_code_5(tmp_path: Path, artifacts: Path):
    missing = job("sqlite://", MODEL_DIR=str(tmp_path))
    other = job("sqlite://", MODEL_DIR=str(artifacts / "digits"))
    assert (missing.returncode, missing.stderr) == (
        5,
        f"{tmp_path} holds no model version; build one with `make models`\n",
    )
    assert (other.returncode, other.stderr.count("\n")) == (5, 1)


@pytest.mark.parametrize("file", ["batch-cronjob.yaml", "components/backfill/job.yaml"])
def test_kubernetes_does_not_retry_exit_codes_that_a_second_try_would_not_change(file):
    job = yaml.safe_load((ROOT / "k8s" / file).read_text())["spec"]
    job = job["jobTemplate"]["spec"] if "jobTemplate" in job else job
    rules = [(rule["action"], rule["onExitCodes"]["values"]) for rule in job["podFailurePolicy"]["rules"][:-1]]
    given_up = [code for action, codes in rules for code in codes if action in ("FailJob", "FailIndex")]
    again = {Exit.DONE, Exit.DATABASE, Exit.ROWS_HELD, Exit.INTERRUPTED, Exit.TERMINATED}
    assert sorted(given_up) == sorted(set(Exit) - again)


@pytest.mark.parametrize("source", [job_module.__doc__, (ROOT / "batch" / "README.md").read_text()])
def test_every_exit_code_is_documented(source):
    paragraph = source.partition("Exit codes: ")[2].partition("\n\n")[0]
    assert {int(code) for code in re.findall(r"(?:^|;\s)(\d+) ", paragraph)} == set(Exit)
