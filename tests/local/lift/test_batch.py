"""Copies of batch around models of the gallery."""

import json
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from models.gallery import tabular

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def python(lift_without, tmp_path):
    """Run a module in a copy around a model, and return what it prints."""

    def lift(trained, removed):
        project = lift_without("batch", removed, trained.package(tmp_path).parent)
        env = os.environ | {"DATABASE_URL": f"sqlite:///{tmp_path}/rows.sqlite3"}
        env.pop("MODEL_DIR", None)

        def run(*argv):
            argv = [sys.executable, "-m", *argv]
            return subprocess.run(argv, cwd=project, env=env, check=True, capture_output=True, text=True).stdout

        return project, run

    return lift


def test_seed_adds_rows_of_the_copy_s_own_model_and_the_job_predicts_them(python):
    _, run = python(tabular.column_transformer(), {"status", "api", "keys"})
    assert run("churn.seed", "--rows", "2500").startswith("2,500 rows added")
    assert json.loads(run("churn.job", "--json"))["done"] == 2500


@pytest.mark.exhaustive
def test_the_row_that_the_readme_of_a_copy_shows_is_predicted(python, tmp_path):
    project, run = python(tabular.lightgbm_regressor(), {"seed"})
    run("churn.job")
    statement = re.search("INSERT INTO .+;", (project / "README.md").read_text())[0]
    with closing(sqlite3.connect(tmp_path / "rows.sqlite3")) as database, database:
        database.execute(statement)
    assert json.loads(run("churn.job", "--json"))["done"] == 1
