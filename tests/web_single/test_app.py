from pathlib import Path

import pytest

from web_single.app import build_app, load_model
from web_single.settings import Settings

from .conftest import Client

ROWS = [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5], [5.9, 3.0, 4.2, 1.5]]


def test_every_row_is_answered_in_order(client: Client) -> None:
    together = client.post("/predict", json={"data": ROWS}).json()["prediction"]
    alone = [client.post("/predict", json={"data": [row]}).json()["prediction"][0] for row in ROWS]
    assert len(together) == 3
    assert together == [pytest.approx(probabilities, abs=1e-6) for probabilities in alone]


def test_labels_are_those_with_the_highest_probability(client: Client) -> None:
    probabilities = client.post("/predict", json={"data": ROWS}).json()["prediction"]
    labels = client.get("/label").json()["labels"]
    likeliest = [labels[row.index(max(row))] for row in probabilities]
    assert client.post("/predict/label", json={"data": ROWS}).json() == {"prediction": likeliest}
    assert likeliest == ["setosa", "virginica", "versicolor"]


def test_the_service_provides_a_sample_row(client: Client) -> None:
    page = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]["content"]
    (sample,) = page["application/json"]["schema"]["properties"]["data"]["anyOf"][0]["examples"]
    assert client.get("/predict/test").json() == client.post("/predict", json={"data": sample}).json()
    assert client.get("/predict/test/label").json() == {"prediction": ["setosa"]}


def test_metadata_describes_the_graph_and_the_limits(client: Client) -> None:
    metadata = client.get("/metadata").json()
    assert metadata["inputs"] == [{"name": "float_input", "dtype": "float32", "shape": [None, 4]}]
    assert metadata["labels"] == ["setosa", "versicolor", "virginica"]
    assert (metadata["version"], metadata["max_rows"], metadata["max_body_bytes"]) == (1, 10_000, 1_048_576)


def test_every_response_names_the_model_version(client: Client) -> None:
    answered = client.post("/predict", json={"data": ROWS})
    refused = client.post("/predict", json={"data": []})
    assert (answered.status_code, answered.headers["model-version"]) == (200, "1")
    assert (refused.status_code, refused.headers["model-version"]) == (422, "1")


def test_it_is_alive_and_ready(client: Client) -> None:
    assert client.get("/health").json() == {"status": "ok"}
    assert client.get("/ready").json() == {"status": "ready"}


def test_it_is_not_ready_while_the_model_fails_and_ready_again_after(settings: Settings) -> None:
    model = load_model(settings)
    client, labels = Client(build_app(settings, model)), model.labels
    model.labels = labels[:2]  # as if the model answered with one number too many
    refused = client.get("/ready")
    assert (refused.status_code, "shape (2, 3)" in refused.json()["detail"]) == (503, True)
    model.labels = labels
    assert client.get("/ready").status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/nothing", 404), ("GET", "/predict", 405)])
def test_a_wrong_path_or_method_is_a_json_error(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)


def test_the_newest_version_is_served_unless_one_is_named(model_dir: object, tmp_path: Path) -> None:
    folder = model_dir()  # type: ignore[operator]
    (folder / "3").rename(folder / "12")
    assert load_model(Settings(model_dir=folder)).version == 12
    (folder / "9").symlink_to(folder / "12")
    assert load_model(Settings(model_dir=folder, model_version=9)).version == 9
