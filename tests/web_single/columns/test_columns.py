"""Rows with typed and named columns: right against the training framework, or refused by name."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from web_single.app import build_app, load_model
from web_single.artifact import ArtifactRefused
from web_single.columns import name_refused_rows
from web_single.settings import Settings

from ..conftest import Client, save, serve
from ..graphs import CUSTOMERS, FLOWERS, IRIS, STAYS, churn, columns, exported, graph, lookup

Trained = tuple[Pipeline, np.ndarray, bytes]

LABELS = ["leaves", "stays"]
LISTS = [list(row.values()) for row in CUSTOMERS]


@pytest.fixture(scope="module")
def trained() -> tuple[Pipeline, bytes]:
    return churn("error")


@pytest.fixture
def customers(trained: tuple[Pipeline, bytes], tmp_path: Path) -> Client:
    """A service that takes an age, a city and a number of visits."""
    return serve(save(tmp_path / "churn", trained[1], LABELS, sample=CUSTOMERS[0]))


def test_rows_as_lists_and_as_objects_get_the_answers_of_the_trainer(
    customers: Client, trained: tuple[Pipeline, bytes]
) -> None:
    answers = [customers.post("/predict", json={"data": rows}).json()["prediction"] for rows in (LISTS, CUSTOMERS)]
    assert answers[0] == answers[1]
    assert answers[0] == pytest.approx(trained[0].predict_proba(columns(CUSTOMERS)), abs=1e-6)
    assert customers.post("/predict/label", json={"data": CUSTOMERS}).json() == {"prediction": STAYS.tolist()}


def test_the_order_of_the_fields_of_a_row_does_not_matter(customers: Client) -> None:
    turned = [dict(reversed(row.items())) for row in CUSTOMERS]
    answers = [customers.post("/predict", json={"data": rows}).content for rows in (CUSTOMERS, turned)]
    assert answers[0] == answers[1]


def test_the_sample_of_the_manifest_is_served(customers: Client) -> None:
    expected = customers.post("/predict", json={"data": CUSTOMERS[:1]}).json()
    assert customers.get("/predict/test").json() == expected
    assert customers.get("/ready").status_code == 200


WRONG = {
    "unknown field": ([CUSTOMERS[0] | {"town": "Rome"}], "data[0].town: Extra inputs are not permitted"),
    "missing field": ([CUSTOMERS[0], {"age": 1, "city": "Oslo"}], "data[1].visits: Field required"),
    "text for a number": ([CUSTOMERS[0] | {"age": "20"}], "data[0].age: Input should be a valid number"),
    "number for a text": ([CUSTOMERS[0] | {"city": 7}], "data[0].city: Input should be a valid string"),
    "null for a text": ([CUSTOMERS[0] | {"city": None}], "data[0].city: Input should be a valid string"),
    "fraction for a count": ([CUSTOMERS[0] | {"visits": 1.5}], "data[0].visits: Input should be a valid integer"),
    "truth for a count": ([CUSTOMERS[0] | {"visits": True}], "data[0].visits: Input should be a valid integer"),
    "beyond int64": (
        [CUSTOMERS[0] | {"visits": 2**63}],
        "data[0].visits: Input should be less than or equal to 922337",
    ),
    "beyond float32": ([CUSTOMERS[0] | {"age": 1e39}], "data[0].age: Input should be less than or equal to 3402823"),
    "null for a number": ([CUSTOMERS[0] | {"age": None}], "data[0].age: Input should be a valid number"),
    "short list": ([LISTS[0], LISTS[1][:2]], "data[1][2]: Field required"),
    "long list": ([[*LISTS[0], 1]], "data[0]: Tuple should have at most 3 items"),
    "list in another order": ([["Oslo", 20, 3]], "data[0][0]: Input should be a valid number"),
    "list after an object": ([CUSTOMERS[0], LISTS[1]], "data[1]: Input should be an object"),
    "object after a list": ([LISTS[0], CUSTOMERS[1]], "data[1]: Input should be a valid array"),
    "many unknown fields": (
        [{str(n): 0 for n in range(2000)}],
        "data: 2003 errors, of fields that are missing or unkn",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_row_is_refused_with_the_column_and_the_limit(customers: Client, name: str) -> None:
    rows, reason = WRONG[name]
    answer = customers.post("/predict", json={"data": rows})
    assert (answer.status_code, answer.json()["detail"][: len(reason)]) == (422, reason)
    assert len(answer.content) < 300


def test_a_category_that_the_model_does_not_know_is_the_fault_of_its_row(customers: Client) -> None:
    rows = [*CUSTOMERS, CUSTOMERS[0] | {"city": "Paris"}, *CUSTOMERS]
    answer = customers.post("/predict", json={"data": rows})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "data[4]: the model refuses these values: Unknown Category and zeros = 0."
    assert customers.post("/predict", json={"data": CUSTOMERS}).status_code == 200


def test_an_id_out_of_range_is_the_fault_of_its_row(tmp_path: Path) -> None:
    client = serve(save(tmp_path / "lookup", lookup(), ["no", "yes"]))
    assert client.post("/predict/label", json={"data": [[0], [1]]}).json() == {"prediction": ["no", "yes"]}
    answer = client.post("/predict", json={"data": [{"id": 2}, {"id": 0}, {"id": 3}]})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("data[2]: the model refuses these values: indices element out of data bo")
    assert 'refused_requests_total{reason="no_answer"} 1.0' in client.get("/metrics").text


@pytest.mark.parametrize("rows", [1, 3])
def test_a_failure_that_no_row_causes_stays_an_internal_error(tmp_path: Path, rows: int) -> None:
    service = Settings(model_dir=save(tmp_path / "lookup", lookup(), ["no", "yes"]))
    model = load_model(service)

    def broken(names: list[str], rows: object) -> list[np.ndarray]:
        raise RuntimeError("out of memory")

    model.run = broken
    name_refused_rows(model)
    client = Client(build_app(service, model), raises=False)
    assert client.post("/predict", json={"data": [[0]] * rows}).status_code == 500
    assert client.get("/ready").status_code == 503


@pytest.fixture(scope="module")
def imputing() -> Trained:
    """A classifier that was trained with missing values, rows of which some miss values, and its graph."""
    rows = FLOWERS[::3].copy()
    rows[::2, 2] = np.nan
    model = make_pipeline(SimpleImputer(), LogisticRegression())
    return model, rows, exported(model, rows, IRIS.target[::3])


MISSING = {"inputs": [{"name": "X", "missing": True}]}


def test_missing_values_are_taken_where_the_manifest_says_so(imputing: Trained, tmp_path: Path) -> None:
    model, rows, content = imputing
    client = serve(save(tmp_path / "imputing", content, list("abc"), **MISSING))
    nulls = [[None if math.isnan(value) else value for value in row] for row in rows.tolist()]
    answer = client.post("/predict", json={"data": nulls})
    assert answer.json()["prediction"] == pytest.approx(model.predict_proba(rows), abs=1e-6)
    as_python_writes_it = json.dumps({"data": rows.tolist()}).encode()  # with NaN
    assert client.send(as_python_writes_it).content == answer.content
    assert client.post("/predict", json={"data": [{"X": row} for row in nulls]}).content == answer.content


@pytest.mark.parametrize("value", [math.inf, 1e39, "x", True])
def test_what_is_neither_a_number_nor_missing_is_refused(imputing: Trained, tmp_path: Path, value: object) -> None:
    client = serve(save(tmp_path / "imputing", imputing[2], list("abc"), **MISSING))
    answer = client.send(json.dumps({"data": [[1, 2, value, 4]]}).encode())
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("data[0][2]: Input should be a number between -3.4028")


@pytest.mark.parametrize("name", ["city", "visits"])
def test_only_floats_may_be_missing(tmp_path: Path, name: str) -> None:
    folder = save(tmp_path / "churn", churn()[1], ["leaves", "stays"], inputs=[{"name": name, "missing": True}])
    with pytest.raises(ArtifactRefused, match=f"'{name}' is not a float, so no value may be missing; fill missing"):
        load_model(Settings(model_dir=folder))


def test_a_missing_input_that_the_graph_does_not_have_is_refused(imputing: Trained, tmp_path: Path) -> None:
    folder = save(tmp_path / "imputing", imputing[2], list("abc"), inputs=[{"name": "x", "missing": True}])
    with pytest.raises(ArtifactRefused, match=r"manifest.json: inputs: model.onnx has no input 'x'"):
        load_model(Settings(model_dir=folder))


TYPED = {
    "float32": [1.5, 2.5],
    "float64": [1e300, 2.5],
    "int32": [-(2**31), 2**31 - 1],
    "int64": [-(2**63), 2**63 - 1],
    "bool": [True, False],
}


@pytest.mark.parametrize("dtype", TYPED)
def test_each_type_arrives_as_it_was_sent(tmp_path: Path, dtype: str) -> None:
    nodes = [helper.make_node("Cast", ["x"], ["values"], to=11)]
    content = graph(nodes, {"x": (dtype, [None, 2])}, {"values": ("float64", [None, 2])})
    client = serve(save(tmp_path / "typed", content, [], task="regression"))
    answer = client.post("/predict", json={"data": [TYPED[dtype], {"x": TYPED[dtype]}["x"]]})
    assert answer.json() == {"prediction": [[float(value) for value in TYPED[dtype]]] * 2}


def test_an_input_with_several_dimensions_takes_flat_rows(tmp_path: Path) -> None:
    nodes = [helper.make_node("ReduceSum", ["x", "axes"], ["values"], keepdims=0)]
    content = graph(nodes, {"x": ("float32", [None, 2, 3])}, {"values": ("float32", [None])}, axes=[1, 2])
    client = serve(save(tmp_path / "image", content, [], task="regression"))
    assert client.post("/predict", json={"data": [[1, 2, 3, 4, 5, 6], [0] * 6]}).json() == {"prediction": [21.0, 0.0]}
    assert client.post("/predict", json={"data": [[1, 2, 3]]}).status_code == 422


@pytest.mark.parametrize(
    ("shape", "shown"), [([1, 4], "[1, 4]"), ([None, None], "[null, null]"), ([None, 0], "[null, 0]")]
)
def test_an_input_whose_rows_are_not_free_is_refused(tmp_path: Path, shape: list[int | None], shown: str) -> None:
    nodes = [helper.make_node("Identity", ["x"], ["probabilities"])]
    content = graph(nodes, {"x": ("float32", shape)}, {"probabilities": ("float32", [None, 4])})
    with pytest.raises(ArtifactRefused) as refused:
        load_model(Settings(model_dir=save(tmp_path / "fixed", content, list("abcd"))))
    assert f"input 'x' has the shape {shown}; export it with a free first dimension" in str(refused.value)


def test_openapi_shows_the_names_and_types_of_the_columns(customers: Client) -> None:
    page = customers.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    lists, objects = page["application/json"]["schema"]["properties"]["data"]["anyOf"]
    types = {name: shown["type"] for name, shown in objects["items"]["properties"].items()}
    assert types == {"age": "number", "city": "string", "visits": "integer"}
    assert [shown["type"] for shown in lists["items"]["prefixItems"]] == ["number", "string", "integer"]
    assert (lists["examples"], objects["examples"]) == ([LISTS[:1]], [CUSTOMERS[:1]])


def test_openapi_shows_that_a_value_may_be_missing(imputing: Trained, tmp_path: Path) -> None:
    client = serve(save(tmp_path / "imputing", imputing[2], list("abc"), **MISSING))
    page = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    lists, _ = page["application/json"]["schema"]["properties"]["data"]["anyOf"]
    assert [shown["type"] for shown in lists["items"]["items"]["anyOf"]] == ["number", "null"]


ages = st.floats(0, 120, width=32)
cities = st.sampled_from(["Oslo", "Rome", "Bern"])
people = st.fixed_dictionaries({"age": ages, "city": cities, "visits": st.integers(0, 1000)})


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(people, min_size=1, max_size=20))
def test_lists_objects_and_tensors_get_the_same_answers(customers: Client, rows: list[dict[str, object]]) -> None:
    """/predict with lists and with objects, and /v2, agree with the session."""
    objects = customers.post("/predict", json={"data": rows})
    lists = customers.post("/predict", json={"data": [[row[name] for name in CUSTOMERS[0]] for row in rows]})
    model = customers.app.state.model
    direct = model.session.run([model.output], model.row_format.arrays(rows))[0]
    assert objects.content == lists.content
    assert np.array_equal(np.array(objects.json()["prediction"], np.float32), direct)


ROW = '{"age": 20, "city": "a: b", "visits": 3}'


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ('{"data": [[20, "Oslo", 3]], "data": [[71, "Rome", 1]]}', "data"),
        ('{"d\\u0061ta": [[20, "Oslo", 3]], "data": [[71, "Rome", 1]]}', "data"),
        (f'{{"data": [{ROW}], "data": [{ROW}]}}', "data"),
        ('{"data": [{"age": 20, "city": "Oslo", "visits": 3, "age": 71}]}', "age"),
        (f'{{"data": [{ROW}, {{"city": "Rome", "age": 20, "city": "Oslo", "visits": 3}}]}}', "city"),
    ],
)
def test_a_name_that_comes_twice_is_refused(customers: Client, body: str, name: str) -> None:
    answer = customers.post("/predict", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json() == {"detail": f"body: the name {name!r} comes twice in one object"}


def test_colons_in_texts_are_no_names(tmp_path: Path) -> None:
    client = serve(save(tmp_path / "churn", churn("ignore")[1], LABELS, sample=CUSTOMERS[0]))
    rows = [row | {"city": '"age": 1, "age": 2'} for row in CUSTOMERS]
    listed = client.post("/predict", json={"data": [list(row.values()) for row in rows]})
    assert listed.status_code == 200
    assert client.post("/predict", json={"data": rows}).content == listed.content
