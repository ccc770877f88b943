"""What the root does with rows that failed, where the policies are not there."""

from sqlalchemy import Engine

from batch.predictor import Predictor
from batch.runner import Runner
from tests.batch.conftest import add, finish, items, states

GOOD, BAD = [5.1, 3.5, 1.4, 0.2], [5.1, None, 1.4, 0.2]


def test_without_policies_a_row_that_failed_stays_failed(engine: Engine, model: Predictor):
    add(engine, GOOD, BAD)
    assert finish(Runner(engine, model)).failed == {2}
    again = Runner(engine, model)
    again.run()
    assert again.result.rows == 0
    assert (states(engine), items(engine)[1].attempts) == ("df", 1)
