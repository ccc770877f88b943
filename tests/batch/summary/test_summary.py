import json

from sqlalchemy import Engine

from batch.errors import ServiceError
from batch.schemas import Predicted, Predictions
from batch.summary import Summary
from tests.batch.commands import run
from tests.batch.conftest import add

GOOD = [5.1, 3.5, 1.4, 0.2]


def test_json_holds_the_numbers_of_rows_and_the_speed(mariadb: Engine):
    add(mariadb, GOOD, [1.0])
    done = run("job", mariadb, "--json")
    assert done.returncode == 3
    assert json.loads(done.stdout) | {"seconds": 0, "rows_per_second": 0} == {
        "waiting": 2,
        "rows": 2,
        "done": 1,
        "failed": 1,
        "held": 0,
        "seconds": 0,
        "rows_per_second": 0,
        "model_version": 1,
    }


def test_words_say_what_was_done_and_what_was_left():
    result = Summary(model_version=7, waiting=3_000, held=2, stopped=ServiceError("deadline reached"))
    result.add(Predictions([Predicted(1, "[1]", "a")], {2: "no"}))
    words = str(result)
    assert words.startswith(
        "deadline reached, 2 of 3,000 rows tried: 1 rows predicted, 1 failed, 2 left because others"
    )
    assert words.endswith(" rows/s, model version 7")


def test_a_scope_without_rows_is_named():
    words = str(Summary(model_version=1, scope="--max-rows 2"))
    assert words == "nothing to do: no unclaimed row waits for a prediction in the scope --max-rows 2"
