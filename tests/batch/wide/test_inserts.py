"""New rows are stored whatever the limit of the database for a statement."""

import pytest
from sqlalchemy import Engine

from batch.api import queries
from batch.keys import add_once
from batch.seed.load import add_rows
from batch.wide import fit_inserts
from batch.wide.inserts import RowTooLarge
from tests.batch.api.test_api import client_of
from tests.batch.commands import run
from tests.batch.conftest import count_of, items

ROWS = [[0.1234567890123456] * 4] * 1000  # 80 KB as JSON


@pytest.mark.parametrize(
    "options",
    [{}, {"headers": {"Idempotency-Key": "a"}}, {"keys": [f"{number:0200}" for number in range(1000)]}],
    ids=["plain", "request key", "row keys"],
)
def test_a_post_is_stored_in_statements_that_the_database_accepts(small: Engine, artifacts, options):
    body = {"data": ROWS} | {name: value for name, value in options.items() if name == "keys"}
    answer = client_of(small, artifacts).post(json=body, headers=options.get("headers"))
    assert (answer.status_code, count_of(small, "items")) == (201, 1000)
    assert answer.json()["ids"] == sorted({item.id for item in items(small)})


def test_a_file_is_stored_in_statements_that_the_database_accepts(small: Engine, tmp_path):
    (tmp_path / "rows.csv").write_text("".join(",".join(map(str, row)) + "\n" for row in ROWS))
    done = run("seed", small, "--csv", str(tmp_path / "rows.csv"))
    assert (done.returncode, done.stderr, count_of(small, "items")) == (0, "", 1000)


@pytest.mark.parametrize("add", [queries.add, add_once, add_rows])
def test_large_rows_are_stored_one_by_one_and_one_that_no_statement_can_hold_is_refused(small: Engine, add):
    with small.begin() as connection:
        fit_inserts(add)(connection, [('"' * length, f"key {length}") for length in (9_000, 1, 12_000, 2, 15_000)])
        with pytest.raises(
            RowTooLarge, match=r"^data\[1\]: 80,\d+ bytes in a statement, max_allowed_packet allows 63,488"
        ):
            fit_inserts(add)(connection, [("a", "b"), ("\\" * 20_000, "c")])
    assert count_of(small, "items") == 5
