"""The short form of `python -m tests.batch.kills`, and a test of its verdict."""

import pytest
from sqlalchemy import Engine, delete, update

from batch.predictor import Predictor
from batch.tables import Item, State

from . import audit
from .conftest import fill, finish, new_runner
from .kills import Plan, run


@pytest.mark.timeout(900)
def test_each_row_has_exactly_one_prediction_whatever_is_killed(tmp_path, preloaded):
    report = run(Plan(rows=1000, runners=4, chunk_rows=10, every=0.5, update=0.02), tmp_path, preloaded.start)
    assert (report.wrong, report.doubled, report.missing, report.crashed) == (0, 0, 0, 0), report
    assert report.server_restarts == 1, report
    assert report.kills_with_claimed_rows > 0, report


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        (None, audit.Verdict(0, 0, 0)),
        (delete(Item), audit.Verdict(0, 0, missing=1)),
        (update(Item).values(state=State.PENDING), audit.Verdict(0, doubled=1, missing=1)),
        (update(Item).values(attempts=Item.attempts), audit.Verdict(0, doubled=1, missing=0)),
        (update(Item).values(attempts=2), audit.Verdict(wrong=1, doubled=1, missing=0)),
        (update(Item).values(label="other"), audit.Verdict(wrong=1, doubled=1, missing=0)),
        (update(Item).values(prediction=[1, 0, 0]), audit.Verdict(wrong=1, doubled=1, missing=0)),
        (update(Item).values(model_version=2), audit.Verdict(wrong=1, doubled=1, missing=0)),
    ],
)
def test_the_verdict_names_each_broken_promise(mariadb: Engine, model: Predictor, change, verdict):
    rows = fill(mariadb, 20)
    audit.install(mariadb)
    finish(new_runner(mariadb, model))
    if change is not None:
        with mariadb.begin() as connection:
            connection.execute(change.where(Item.id == 7))
    assert audit.judge(mariadb, rows) == verdict
