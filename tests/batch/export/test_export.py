import contextlib
import csv
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet
import pymysql
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sqlalchemy import Engine, event
from sqlalchemy import text as sql
from typer.main import get_command

from batch.export import __main__ as command
from batch.export import pages as export
from batch.export.columns import value_columns
from batch.export.outputs import Format, format_of, open_output
from batch.export.pages import ExportRefused
from batch.predictor import Predictor
from batch.retry import retrying
from batch.settings import Settings
from local.processes import ROOT
from tests.batch.commands import run, url
from tests.batch.conftest import add, fill, finish, items, new_runner
from tests.web_single.conftest import save
from tests.web_single.graphs import CUSTOMERS, FLOWERS, churn, exported

PROBABILITIES = ["probability_setosa", "probability_versicolor", "probability_virginica"]
COLUMNS = [
    "id",
    "key",
    "value_1",
    "value_2",
    "value_3",
    "value_4",
    "label",
    *PROBABILITIES,
    "model_version",
    "updated_at",
]


def predict(engine: Engine, model: Predictor) -> list[list]:
    """Fill the table with rows that are done, one that failed and one that waits; return what an export must hold."""
    fill(engine, 12)
    add(engine, [1.0])
    finish(new_runner(engine, model))
    add(engine, [1, 2, 3, 4])
    done = [item for item in items(engine) if item.prediction]
    assert len(done) == 12
    return [[i.id, i.key, *i.values, i.label, *i.prediction, 1, i.updated_at.replace(tzinfo=UTC)] for i in done]


def read_csv(text: str) -> tuple[list[str], list[list]]:
    names, *lines = csv.reader(text.splitlines())
    kinds = [int, lambda key: key or None, *[float] * 4, str, *[float] * 3, int, datetime.fromisoformat]
    return names, [[kind(cell) for kind, cell in zip(kinds, line, strict=True)] for line in lines]


def test_a_csv_holds_every_prediction_as_the_database_does(engine: Engine, model: Predictor, tmp_path: Path):
    rows = predict(engine, model)
    done = run("export", engine, str(tmp_path / "p.csv"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"12 rows written to {tmp_path}/p.csv\n")
    assert read_csv((tmp_path / "p.csv").read_text()) == (COLUMNS, rows)


def test_a_parquet_file_holds_the_same(mariadb: Engine, model: Predictor, tmp_path: Path):
    rows = predict(mariadb, model)
    done = run("export", mariadb, str(tmp_path / "predictions"), "--format", "parquet")
    assert done.returncode == 0, done.stderr
    table = pyarrow.parquet.read_table(tmp_path / "predictions")
    assert (table.column_names, [list(row.values()) for row in table.to_pylist()]) == (COLUMNS, rows)


def test_stdout_gets_csv_and_nothing_else_without_pyarrow(sqlite: Engine, model: Predictor, tmp_path: Path):
    rows = predict(sqlite, model)
    (tmp_path / "pyarrow.py").write_text("raise ImportError")
    done = run("export", sqlite, "-", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "12 rows written to -\n")
    assert read_csv(done.stdout) == (COLUMNS, rows)


def test_pages_hold_every_row_once(monkeypatch, engine: Engine, model: Predictor):
    rows = predict(engine, model)
    monkeypatch.setattr(export, "PAGE_ROWS", 5)
    pages = list(export.pages(engine, retrying(seconds=0)))
    assert [len(page) for page in pages] == [5, 5, 2]
    assert [row.id for page in pages for row in page] == [row[0] for row in rows]


def test_a_page_that_is_lost_with_its_connection_is_read_again(mariadb: Engine, model: Predictor):
    predict(mariadb, model)
    lost: list[str] = []

    @event.listens_for(mariadb, "before_cursor_execute")
    def lose(connection, cursor, statement, *_) -> None:
        if not lost:
            lost.append(statement)
            with contextlib.suppress(pymysql.err.OperationalError):
                cursor.execute("KILL CONNECTION_ID()")

    assert [len(page) for page in export.pages(mariadb, retrying(seconds=5))] == [12]
    assert len(lost) == 1


def test_an_unfinished_file_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    def write(error: type[Exception] | None) -> None:
        with open_output(tmp_path / "p.csv", Format.CSV, {"id": int}) as write:
            write([[1]])
            assert (tmp_path / "p.csv").read_text() == "old"
            if error:
                raise error

    (tmp_path / "p.csv").write_text("old")
    for error, text in ((RuntimeError, "old"), (None, "id\n1\n")):
        with contextlib.suppress(RuntimeError):
            write(error)
        assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("p.csv", text)]


def test_rows_of_another_version_are_exported_if_it_has_the_same_columns(
    sqlite: Engine, model: Predictor, artifacts: Path, tmp_path: Path
):
    rows = predict(sqlite, model)
    manifest = json.loads((artifacts / "iris" / "1" / "manifest.json").read_text()) | {"files": {}}
    (tmp_path / "1").symlink_to(artifacts / "iris" / "1")
    for version, labels in (("2", manifest["labels"]), ("3", ["a", "b", "c"])):
        (tmp_path / version).mkdir()
        (tmp_path / version / "manifest.json").write_text(json.dumps(manifest | {"labels": labels}))
    same, other = (export.Shapes(Settings(model_dir=tmp_path, model_version=version), {}, None) for version in (2, 3))
    (page,) = export.pages(sqlite, retrying(seconds=0))
    assert [same.line(row) for row in page] == rows
    with pytest.raises(ExportRefused, match=r"^row 1: model version 1 has other inputs or labels$"):
        other.line(page[0])


def test_a_cell_with_a_line_end_is_one_cell_when_it_is_read(tmp_path: Path):
    lines = [["text", "label"], ["a\rb", "x"], ["a\nb", "y"], ["a\r\nb", "z\r\n"]]
    with open_output(tmp_path / "p.csv", Format.CSV, dict.fromkeys(lines[0], str)) as write:
        write(lines[1:])
    with (tmp_path / "p.csv").open(newline="") as file:
        assert list(csv.reader(file, strict=True)) == lines


def test_the_end_of_a_file_name_is_its_format(tmp_path: Path):
    assert [format_of(Path(name)) for name in ("-", "a.csv", "b.PARQUET")] == ["csv", "csv", "parquet"]
    for name in ("predictions", "predictions.xlsx"):
        with pytest.raises(ExportRefused, match=f"^{name}: give a name that ends in .csv or .parquet, or --format$"):
            format_of(Path(name))


def test_an_impossible_output_is_one_line_and_exit_code_2(sqlite: Engine):
    refused = run("export", sqlite, "-", "--format", "parquet")
    assert (refused.returncode, refused.stderr) == (2, "only csv can be written to stdout, not parquet\n")


def test_rows_that_stdout_did_not_accept_are_not_reported_as_written(sqlite: Engine, model: Predictor):
    predict(sqlite, model)
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "batch.export", "-"]
    env = os.environ | {"DATABASE_URL": url(sqlite), "PYTHONUNBUFFERED": ""}
    done = subprocess.run(argv, env=env, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (2, "[Errno 32] Broken pipe\n")


def test_a_pipe_and_a_folder_are_not_replaced_by_a_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for path in (tmp_path / "pipe.csv", tmp_path / "folder.csv"):
        asked = open_output(path, Format.CSV, {"id": int})
        with pytest.raises(ExportRefused, match=r"^\S+ is not a file, and would be replaced by one; - is stdout$"):
            asked.__enter__()
        assert not path.is_file()


def test_a_missing_pyarrow_is_one_line_that_names_what_to_install(monkeypatch, tmp_path: Path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    asked = open_output(tmp_path / "p.parquet", Format.PARQUET, {"id": int})
    with pytest.raises(ExportRefused, match=r"^parquet needs pyarrow, which is not installed: pip install pyarrow$"):
        asked.__enter__()
    assert list(tmp_path.iterdir()) == []


def test_the_password_is_in_no_line_and_no_flag_takes_one(secretive: str):
    told = run("export", secretive, "-", LOG_LEVEL="DEBUG")
    refused = run("export", secretive.replace("spy:", "root:"), "-", LOG_LEVEL="DEBUG")
    assert (told.returncode, refused.returncode, "Access denied" in refused.stderr) == (0, 4, True)
    assert "s3cret" not in told.stdout + told.stderr + refused.stdout + refused.stderr
    assert {flag.name for flag in get_command(command.app).params} == {"output", "kind", "since_cursor"}


def test_rows_with_names_and_types_get_a_column_for_each_value(sqlite: Engine, tmp_path: Path):
    described = [{"name": "age", "dtype": "float32"}, {"name": "city", "dtype": "string"}]
    described = [each | {"shape": [None, 1]} for each in [*described, {"name": "visits", "dtype": "int64"}]]
    folder = save(tmp_path / "churn", churn()[1], ["leaves", "stays"], sample=CUSTOMERS[0], inputs=described)
    add(sqlite, CUSTOMERS[0], list(CUSTOMERS[1].values()))
    assert run("job", sqlite, MODEL_DIR=str(folder)).returncode == 0
    names, *lines = csv.reader(run("export", sqlite, "-", MODEL_DIR=str(folder)).stdout.splitlines())
    assert names[:6] == ["id", "key", "value_age", "value_city", "value_visits", "label"]
    assert [line[2:6] for line in lines] == [["20.0", "Oslo", "3", "stays"], ["71.0", "Rome", "1", "leaves"]]


def test_values_whose_names_would_be_the_same_are_numbered():
    widths = {"emb": 2, "emb_1": 1, "city": 1}
    kinds = {"emb": "float32", "emb_1": "int64", "city": "string"}
    inputs = [{"name": name, "dtype": kinds[name], "shape": [None, width]} for name, width in widths.items()]
    assert value_columns({"inputs": inputs}) == {"value_1": float, "value_2": float, "value_3": int, "value_4": str}


@pytest.mark.parametrize(("count", "names"), [(1, ["prediction"]), (2, ["prediction_1", "prediction_2"])])
def test_the_values_of_a_regressor_are_columns(sqlite: Engine, tmp_path: Path, count: int, names: list[str]):
    content = exported(LinearRegression(), FLOWERS, FLOWERS[:, :count] if count > 1 else FLOWERS[:, 0])
    described = {"inputs": [{"name": "X", "dtype": "float32", "shape": [None, 4]}]}
    described["outputs"] = [{"name": "variable", "dtype": "float32", "shape": [None, count]}]
    folder = save(tmp_path / "m", content, [], task="regression", **described)
    add(sqlite, FLOWERS[0].tolist())
    assert run("job", sqlite, MODEL_DIR=str(folder)).returncode == 0
    header, line = csv.reader(run("export", sqlite, "-", MODEL_DIR=str(folder)).stdout.splitlines())
    assert header == ["id", "key", "value_1", "value_2", "value_3", "value_4", *names, "model_version", "updated_at"]
    assert [float(cell) for cell in line[6 : 6 + count]] == pytest.approx(FLOWERS[0, :count], abs=1e-4)


def test_an_export_needs_no_files_of_the_models(engine: Engine, newer: Path, tmp_path: Path):
    fill(engine, 3)
    assert run("job", engine, MODEL_DIR=str(newer)).returncode == 0
    done = run("export", engine, "-", MODEL_DIR=str(tmp_path / "nowhere"))
    assert (done.returncode, len(done.stdout.splitlines())) == (0, 4)
    assert done.stdout.splitlines()[0] == ",".join(COLUMNS)


def test_a_version_whose_number_was_used_for_another_model_predicts_nothing(engine: Engine, model: Predictor, tmp_path):
    add(engine, FLOWERS[0].tolist())
    assert run("job", engine).returncode == 0
    other = save(tmp_path / "m", exported(LogisticRegression(max_iter=1000)), ["x", "y", "z"])
    (other / "3").rename(other / "1")
    add(engine, FLOWERS[0].tolist())
    refused = run("job", engine, MODEL_DIR=str(other))
    assert (refused.returncode, [item.label for item in items(engine)]) == (5, ["setosa", None])
    assert "version 1 had other inputs or labels when it predicted rows; give this model a version" in refused.stderr


def test_a_whole_number_above_2_to_53_is_a_float_in_parquet_as_it_was_for_the_model(sqlite: Engine, tmp_path: Path):
    large = 1764100000123456789
    add(sqlite, [large, 3, 1, 0])
    assert run("job", sqlite).returncode == 0
    done = run("export", sqlite, str(tmp_path / "p.parquet"))
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, f"1 rows written to {tmp_path}/p.parquet")
    assert pyarrow.parquet.read_table(tmp_path / "p.parquet")["value_1"].to_pylist() == [float(large)]


def test_a_number_that_parquet_cannot_hold_is_refused_in_one_line(tmp_path: Path):
    wanted = pytest.raises(ExportRefused, match=r"^parquet cannot hold a value, csv can: ")
    with wanted, open_output(tmp_path / "p.parquet", Format.PARQUET, {"visits": int}) as write:
        write([[2**64 - 1]])
    assert list(tmp_path.iterdir()) == []


def test_labels_that_were_not_kept_are_empty_cells(sqlite: Engine):
    fill(sqlite, 1)
    assert run("job", sqlite, "--top", "1").returncode == 0
    _, line = csv.reader(run("export", sqlite, "-").stdout.splitlines())
    assert sorted(line[7:10]) == ["", "", max(line[7:10])]


FOREIGN = [
    *[("values", each, "its values are not those of a row; set it back") for each in ('"abcd"', "5", "null", "{}")],
    ("values", '{"a":1,"b":2,"c":3,"d":4}', "its values are not those of a row; set it back"),
    ("values", "[1, 2, 3]", "model version 1 has other inputs or labels"),
    ("prediction", '{"label":0.5,"score":0.9}', "its prediction is not one of this model's; set it back"),
    ("prediction", '{"setosa":"x"}', "its prediction is not one of this model's; set it back"),
    ("prediction", '"setosa"', "its prediction is not one of this model's; set it back"),
    ("prediction", "[1, 2]", "model version 1 has other inputs or labels"),
    ("updated_at", "27.11.2026", "updated_at is '27.11.2026', not a UTC time as 2026-01-31 12:00:00; correct it"),
]


@pytest.mark.parametrize(("column", "stored", "why"), FOREIGN)
def test_a_row_that_another_program_has_changed_is_refused_by_its_id(sqlite: Engine, column, stored, why):
    fill(sqlite, 2)
    assert run("job", sqlite).returncode == 0
    with sqlite.begin() as connection:
        connection.execute(sql(f'UPDATE items SET "{column}" = :stored WHERE id = 2'), {"stored": stored})
    refused = run("export", sqlite, "-")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert refused.stderr.startswith(f"row 2: {why}")
