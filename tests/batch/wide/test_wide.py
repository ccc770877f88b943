"""Statements stay within the limit of the database, whatever the number of labels."""

import json
from dataclasses import replace

import numpy as np
import pytest
from sqlalchemy import Engine, event, text

from batch import fast, queries
from batch.predictor import Predictor
from batch.schemas import Predicted
from batch.tables import State
from batch.wide import fit_statements, keep_top
from batch.wide.statements import PredictionTooLarge, parts
from batch.wide.top import TopRefused
from tests.batch.commands import run
from tests.batch.conftest import add, count, fill, finish, items, new_runner, running

from .conftest import LIMIT

ROW = [5.1, 3.5, 1.4, 0.2]


class Wide:
    """A model with a thousand labels."""

    def run(self, outputs, feed):
        rows = feed["float_input"][:, :1].astype(np.float32)
        return [np.float32(1) / (rows + np.arange(1, 1001, dtype=np.float32))]


@pytest.fixture
def wide(model: Predictor) -> Predictor:
    wide = running(model, Wide())
    wide.model.labels = [f"label {number} 'quoted'" for number in range(1000)]
    return wide


def fitted(engine: Engine, model: Predictor, write_done=fast.write_done, **options):
    runner = new_runner(engine, model, retry_seconds=0, **options)
    runner.write_done = write_done
    fit_statements(runner)
    return runner


@pytest.mark.parametrize("write_done", [queries.write_done, fast.write_done], ids=["plain", "fast"])
def test_a_chunk_is_written_in_statements_that_the_database_accepts(small: Engine, wide: Predictor, write_done):
    sent: list[int] = []
    event.listen(small, "before_cursor_execute", lambda *args: sent.append(len(args[2].encode())))
    add(small, *[ROW] * 20)
    assert finish(fitted(small, wide, write_done)).done == 20
    assert max(sent) < LIMIT
    assert {(item.label, len(item.prediction)) for item in items(small)} == {("label 0 'quoted'", 1000)}


def test_a_limit_that_is_lowered_during_a_run_holds_for_its_next_connection(mariadb: Engine, wide: Predictor):
    add(mariadb, *[ROW] * 20)
    runner = fitted(mariadb, wide)
    with mariadb.begin() as connection:
        before = connection.execute(text("SELECT @@GLOBAL.max_allowed_packet")).scalar_one()
        connection.execute(text(f"SET GLOBAL max_allowed_packet = {LIMIT}"))
    mariadb.dispose()  # as a restart or a failover does
    try:
        assert finish(runner).done == 20
    finally:
        with mariadb.begin() as connection:
            connection.execute(text(f"SET GLOBAL max_allowed_packet = {before}"))


def test_the_largest_chunk_fits_into_the_smallest_limit_and_each_row_is_done_once(small: Engine):
    with small.begin() as connection:
        connection.execute(text("ALTER TABLE items AUTO_INCREMENT = 4000000000000000000"))
    fill(small, 3000)
    done = run("job", small, "--chunk-rows", "5000", "--json")
    assert (done.returncode, json.loads(done.stdout)["done"]) == (0, 3000)
    assert {item.attempts for item in items(small)} == {1}


def test_one_prediction_that_is_larger_than_a_statement_may_be_is_refused_in_one_line():
    row = Predicted(7, "[" + ",".join(["0.1"] * 30_000) + "]", "a")
    with pytest.raises(PredictionTooLarge, match=r"^row 7: 120,\d+ bytes, max_allowed_packet allows 65,536; raise it"):
        list(parts([row], LIMIT))


def test_the_parts_of_a_chunk_hold_every_row_once_in_order():
    rows = [Predicted(number, "[" + "0.5," * (number % 700) + "0]", "é" * 200) for number in range(300)]
    found = list(parts(rows, LIMIT))
    assert [row for part in found for row in part] == rows
    assert len(found) > 3


def test_top_keeps_the_likeliest_labels_with_their_probabilities(engine: Engine, wide: Predictor):
    add(engine, ROW)
    runner = fitted(engine, wide)
    keep_top(runner, 2)
    finish(runner)
    (item,) = items(engine)
    first, second = (np.float32(1) / (np.float32(5.1) + np.float32(number)) for number in (1, 2))
    assert item.prediction == {"label 0 'quoted'": pytest.approx(first), "label 1 'quoted'": pytest.approx(second)}
    assert count(engine, State.DONE) == 1


def test_top_is_refused_for_a_model_without_labels_of_its_own(sqlite: Engine, model: Predictor):
    other = running(model, Wide())
    other.model.labels = ["same", "same"]
    with pytest.raises(TopRefused, match=r"^--top: the model must be a classifier whose labels differ$"):
        keep_top(new_runner(sqlite, replace(other)), 1)
