import json

from sqlalchemy import Engine

from tests.batch.commands import run
from tests.batch.conftest import add


def test_log_lines_are_json_with_log_format_json(mariadb: Engine):
    add(mariadb, [1.0])
    done = run(
        "job", mariadb, "--on-failure", "retry-failed", "--max-attempts", "2", "--backoff", "0", LOG_FORMAT="json"
    )
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["levelname"], line["message"]) for line in lines] == [
        ("WARNING", "1 rows failed, trying again in 0 s")
    ]
