"""What an actor reads and writes, without Ray."""

import json
from dataclasses import asdict, replace

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from batch.artifact import ArtifactRefused
from batch.errors import ServiceError
from batch.ray.features import ColumnsRefused, find_features
from batch.ray.places import ATTEMPTS, TEMPORARY, PartCrashes, PlaceRefused, open_place
from batch.ray.plan import InputChanged
from batch.ray.run import OutputRefused
from batch.ray.score import Scorer, predict
from batch.ray.tables import Tables
from batch.ray.values import as_texts
from tests.batch.columns.test_columns import churn_dir as churn_dir
from tests.batch.ray.conftest import NAMES, flowers, prepared, read, write
from tests.web_single.graphs import CUSTOMERS, STAYS

NUMBER = st.none() | st.floats() | st.integers(-(2**53), 2**53).map(float)


def score(run):
    """Do a run as Ray does, in this process."""
    run.begin()
    counts = [Scorer(run.job)(asdict(part)) for part in run.parts]
    run.finish({name: sum(each[name] for each in counts) for name in ("done", "failed")})
    return counts


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(NUMBER, min_size=4, max_size=4), min_size=1, max_size=8), data=st.data())
def test_every_row_is_predicted_or_refused_as_the_job_does_it(model, rows, data):
    columns = [pyarrow.array(list(column), pyarrow.float64()) for column in zip(*rows, strict=True)]
    batch = pyarrow.record_batch(columns, NAMES)
    if data.draw(st.booleans()):
        batch = pyarrow.record_batch([pyarrow.array(rows, pyarrow.list_(pyarrow.float64()))], ["float_input"])
    features = find_features(model.model, batch.schema, NAMES if batch.num_columns == 4 else [])
    answers = Tables(model.model, []).empty(len(rows))
    reasons = predict(model, features, batch, answers)
    expected = model.predict(enumerate(as_texts(batch, features)))
    assert reasons == expected.failed
    for row in expected.done:
        np.testing.assert_allclose(answers[row.id], json.loads(row.prediction), 1e-6)


def test_a_bad_row_fails_alone_with_its_reason_beside_the_predictions(artifacts, tmp_path, expected):
    table = flowers(2500)
    table = table.set_column(2, "b", pyarrow.array([None if row == 1200 else 3.5 for row in range(2500)]))
    run = prepared(
        write(tmp_path / "in.parquet", table), tmp_path / "out", artifacts / "iris", columns=NAMES, part_rows=1
    )
    assert score(run) == [{"done": 1000, "failed": 0}, {"done": 999, "failed": 1}, {"done": 500, "failed": 0}]
    rows = [[row[name] for name in NAMES] for row in table.to_pylist() if row["id"] != 1200]
    found = read(tmp_path / "out")
    assert [(row["id"], row["row"]) for row in found] == [(row, row) for row in range(2500) if row != 1200]
    assert [row["label"] for row in found] == [label for label, _ in expected(rows)]
    (failed,) = parquet.read_table(tmp_path / "out" / "_failed").to_pylist()
    assert (failed["id"], failed["row"]) == (1200, 1200)
    assert failed["reason"] == "[1]: Input should be a valid number"


def test_columns_with_names_and_types_are_the_inputs_that_are_called_so(churn_dir, tmp_path):
    customers = [*CUSTOMERS, CUSTOMERS[0] | {"city": "Paris"}, CUSTOMERS[0] | {"city": None}]
    table = pyarrow.Table.from_pylist(customers)
    table = table.set_column(1, "city", table.column("city").dictionary_encode())
    run = prepared(write(tmp_path / "in.parquet", table), tmp_path / "out", churn_dir)
    assert score(run) == [{"done": 4, "failed": 2}]
    assert [row["label"] for row in read(tmp_path / "out")] == [*STAYS]
    unknown, missing = parquet.read_table(tmp_path / "out" / "_failed").to_pylist()
    assert "Unknown Category" in unknown["reason"]
    assert (missing["values"], missing["reason"]) == ("[20.0,null,3]", "[1]: Input should be a valid string")


def test_the_files_of_a_folder_are_read_with_their_paths_and_hidden_ones_are_not(artifacts, tmp_path):
    for name in ("day=1/x.parquet", "day=2/x.parquet", "_failed/x.parquet", ".x.parquet"):
        write(tmp_path / "in" / name, flowers(10))
    score(prepared(tmp_path / "in", tmp_path / "out", artifacts / "iris", columns=NAMES))
    found = read(tmp_path / "out")
    assert {row["file"] for row in found} == {"day=1/x.parquet", "day=2/x.parquet"}
    assert len(found) == 20


def test_an_output_has_its_name_only_when_it_is_complete(artifacts, tmp_path):
    source, output = write(tmp_path / "in.parquet", flowers(30), 10), tmp_path / "out"
    run = prepared(source, output, artifacts / "iris", columns=NAMES, part_rows=1)
    run.begin()
    Scorer(run.job)(asdict(run.parts[0]))
    again = prepared(source, output, artifacts / "iris", columns=NAMES, part_rows=1)
    assert (again.begin(), output.exists()) == ({0: {"done": 10, "failed": 0}}, False)
    assert (len(score(again)), again.read_success()) == (3, {"done": 30, "failed": 0})
    assert not [path for path in output.rglob("*") if path.name == "_temporary"]


def test_a_part_that_is_not_written_to_its_end_does_not_appear(artifacts, tmp_path):
    source = write(tmp_path / "in.parquet", flowers(30))
    run = prepared(source, tmp_path / "out", artifacts / "iris", columns=NAMES)
    run.begin()
    write(source, flowers(30, seed=1))
    with pytest.raises(InputChanged, match="changed during the run"):
        Scorer(run.job)(asdict(run.parts[0]))
    assert not [*(tmp_path / "out.unfinished").glob("**/part-*")]


def test_a_part_whose_processes_end_is_given_up_and_a_new_run_tries_it_again(artifacts, tmp_path):
    run = prepared(write(tmp_path / "in.parquet", flowers(3)), tmp_path / "out", artifacts / "iris", columns=NAMES)
    run.begin()
    for number in range(ATTEMPTS):
        (tmp_path / "out.unfinished" / TEMPORARY / f"part-000000.parquet.{number}").touch()
    with pytest.raises(PartCrashes, match=r"^part-000000.parquet: 5 processes that worked on it have ended"):
        Scorer(run.job)(asdict(run.parts[0]))
    assert score(run) == [{"done": 3, "failed": 0}]


def test_a_password_in_an_address_is_not_shown():
    with pytest.raises(PlaceRefused) as refused:
        open_place("s3://me:secret@bucket/rows?nothing=1")
    assert "bucket" in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_actor_refuses_a_model_that_is_not_the_one_of_the_run(artifacts, tmp_path):
    run = prepared(write(tmp_path / "in.parquet", flowers(3)), tmp_path / "out", artifacts / "iris", columns=NAMES)
    with pytest.raises(ArtifactRefused, match="is not the model that the run began with"):
        Scorer(replace(run.job, hashes={}))


def test_a_run_with_other_input_model_or_options_is_not_mixed_with_an_earlier_one(artifacts, newer, tmp_path):
    source, output = write(tmp_path / "in.parquet", flowers(30)), tmp_path / "out"
    score(prepared(source, output, artifacts / "iris", columns=NAMES))
    refused = {"model": newer, "columns": artifacts / "iris", "input": artifacts / "iris"}
    for what, model_dir in refused.items():
        if what == "input":
            write(source, flowers(31))
        columns = NAMES[::-1] if what == "columns" else NAMES
        with pytest.raises(OutputRefused, match=rf"out is of another run \({what}: .*choose another folder$"):
            prepared(source, output, model_dir, columns=columns).read_success()


def test_a_folder_with_other_files_is_refused(artifacts, tmp_path):
    source = write(tmp_path / "in.parquet", flowers(3))
    for name in ("out", "out.unfinished"):
        write(tmp_path / name / "mine.parquet", flowers(3))
        run = prepared(source, tmp_path / "out", artifacts / "iris", columns=NAMES)
        with pytest.raises(ServiceError, match=f"{name} is not an output of this command; choose another folder$"):
            run.begin() if run.read_success() is None else None
        (tmp_path / name / "mine.parquet").unlink()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "no column is called 'float_input': there are id, a, b, c, d; name .* with --columns"),
        ({"columns": ["a", "b"]}, "--columns: 2 names, the model takes 4 values"),
        ({"columns": ["a", "b", "c", "day"]}, "no column is called 'day'"),
        (
            {"columns": ["a", "b", "c", "label"]},
            "column 'label' is string, the model's input 'float_input' takes float32",
        ),
        ({"columns": ["a"]}, "column 'a' is double, .* takes list of 4 float32"),
        ({"columns": NAMES}, "two columns would be called 'label'; choose what is copied with --keep"),
        ({"columns": NAMES, "keep": ["day"]}, "--keep: no column is called 'day': there are id, a, b, c, d, label"),
    ],
)
def test_columns_that_do_not_fit_are_refused_before_anything_is_written(artifacts, tmp_path, options, message):
    table = flowers(3)
    table = table.append_column("label", pyarrow.array(["x"] * 3)) if "label" in message else table
    source = write(tmp_path / "in.parquet", table)
    with pytest.raises(ColumnsRefused, match=message):
        prepared(source, tmp_path / "out", artifacts / "iris", **options)
    assert [*tmp_path.iterdir()] == [source]


def test_input_that_cannot_be_read_is_refused_in_one_line(artifacts, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.parquet").write_text("a,b")
    write(tmp_path / "in" / "x.parquet", flowers(3))
    write(tmp_path / "in" / "y.parquet", flowers(3).drop_columns("a"))
    for source, message in {
        "empty": "holds no Parquet file",
        "text.parquet": "text.parquet cannot be read: ",
        "in": "y.parquet: column 'a' is not there, in .*x.parquet it is double",
        "none": "none does not exist",
        "..": "are in each other",
    }.items():
        with pytest.raises(ServiceError, match=message):
            prepared(tmp_path / source, tmp_path / "out", artifacts / "iris", columns=NAMES)
    with pytest.raises(ServiceError, match=r"^ftp://x/y: "):
        open_place("ftp://x/y")


def test_a_column_that_is_copied_may_hold_nulls_in_any_file(artifacts, tmp_path):
    first = flowers(2)
    required = pyarrow.schema([first.schema.field("id").with_nullable(False), *list(first.schema)[1:]])
    write(tmp_path / "in" / "1.parquet", first.cast(required))
    write(tmp_path / "in" / "2.parquet", first.set_column(0, "id", pyarrow.array([None, 7])))
    score(prepared(tmp_path / "in", tmp_path / "out", artifacts / "iris", columns=NAMES))
    assert [row["id"] for row in read(tmp_path / "out")] == [0, 1, None, 7]
