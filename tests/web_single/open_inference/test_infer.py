import codecs
import json
import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from tritonclient.utils import InferenceServerException

from local import servers
from local.processes import ROOT
from tests.preloaded import Preloaded
from web_single.app import build_app, load_model
from web_single.model import Model
from web_single.settings import Settings

from ..conftest import Client
from ..running import COMMAND

README = ROOT / "web_single" / "README.md"
INFER = "/v2/models/iris/infer"
ROWS = [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5], [5.9, 3.0, 4.2, 1.5]]
TABLE = np.array(ROWS, np.float32)


def tensor(data: object, shape: object = None, **change: object) -> dict[str, object]:
    shape = [len(ROWS), 4] if shape is None else shape
    return {"name": "float_input", "shape": shape, "datatype": "FP32", "data": data} | change


def direct(model: Model, rows: np.ndarray) -> list[np.ndarray]:
    return model.session.run(None, {model.inputs[0]["name"]: rows})


def binary(request: object, after: bytes, length: object = None) -> dict[str, object]:
    """The options of a POST whose JSON is followed by bytes."""
    head = json.dumps(request).encode()
    header = str(len(head) if length is None else length)
    return {"content": head + after, "headers": {"inference-header-content-length": header}}


@pytest.fixture(scope="module")
def address(preloaded: Preloaded, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gunicorn that serves Iris."""
    address = f"127.0.0.1:{servers.free_port()}"
    argv = [*COMMAND, "--bind", address, "--workers", "1"]
    program = preloaded.start(
        "web_single",
        argv,
        lambda: servers.answers(f"http://{address}/ready"),
        tmp_path_factory.mktemp("gunicorn") / "log",
    )
    yield program.wait_ready() and address
    program.stop()


@pytest.fixture(scope="module")
def caller(address: str) -> Iterator[triton.InferenceServerClient]:
    with triton.InferenceServerClient(address) as client:
        yield client


def asked(rows: np.ndarray, binary_data: bool = True) -> triton.InferInput:
    return triton.InferInput("float_input", list(rows.shape), "FP32").set_data_from_numpy(rows, binary_data)


def test_tritonclient_finds_the_server_and_the_model(caller: triton.InferenceServerClient) -> None:
    assert caller.is_server_live()
    assert caller.is_server_ready()
    assert caller.is_model_ready("iris")
    assert caller.is_model_ready("iris", "1")
    assert not caller.is_model_ready("iris", "2")
    assert not caller.is_model_ready("rose")


def test_tritonclient_reads_the_metadata(caller: triton.InferenceServerClient) -> None:
    server, model = caller.get_server_metadata(), caller.get_model_metadata("iris", "1")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert server == {"name": "web_single", "version": project["version"], "extensions": ["binary_tensor_data"]}
    assert model["inputs"] == [{"name": "float_input", "datatype": "FP32", "shape": [-1, 4]}]
    assert [(o["name"], o["datatype"], o["shape"]) for o in model["outputs"]] == [
        ("label", "INT64", [-1]),
        ("probabilities", "FP32", [-1, 3]),
    ]
    assert (model["name"], model["versions"], model["platform"]) == ("iris", ["1"], "onnxruntime_onnx")


@pytest.mark.parametrize("sent", [True, False], ids=["bytes in", "json in"])
@pytest.mark.parametrize("got", [True, False], ids=["bytes out", "json out"])
def test_tritonclient_infers(caller: triton.InferenceServerClient, model: Model, sent: bool, got: bool) -> None:
    wanted = [triton.InferRequestedOutput(name, binary_data=got) for name in ("probabilities", "label")]
    answer = caller.infer("iris", [asked(TABLE, sent)], outputs=wanted, request_id="42")
    labels, probabilities = direct(model, TABLE)
    assert np.array_equal(answer.as_numpy("label"), labels)
    assert answer.as_numpy("probabilities") == pytest.approx(probabilities, abs=1e-6)
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["probabilities", "label"]
    assert [answer.get_response()[name] for name in ("id", "model_name", "model_version")] == ["42", "iris", "1"]


def test_tritonclient_gets_every_output_unless_it_names_some(caller: triton.InferenceServerClient) -> None:
    answer = caller.infer("iris", [asked(TABLE)], model_version="1", parameters={"colour": "blue"})
    one = caller.infer("iris", [asked(TABLE)], outputs=[triton.InferRequestedOutput("label")])
    assert [output["name"] for output in answer.get_response()["outputs"]] == ["label", "probabilities"]
    assert one.as_numpy("probabilities") is None
    assert one.as_numpy("label").tolist() == answer.as_numpy("label").tolist() == [0, 2, 1]


def test_tritonclient_infers_many_rows_at_once(caller: triton.InferenceServerClient, model: Model) -> None:
    table = np.random.default_rng(7).uniform(0, 8, (10_000, 4)).astype(np.float32)
    answer = caller.infer("iris", [asked(table)])
    labels, probabilities = direct(model, table)
    assert np.array_equal(answer.as_numpy("label"), labels)
    assert np.array_equal(answer.as_numpy("probabilities"), probabilities)


@pytest.mark.parametrize(
    ("call", "status", "reason"),
    [
        ({"model_name": "rose"}, "404", "'rose', version '1' is not served: the model here is 'iris', version 1"),
        ({"model_version": "2"}, "404", "'iris', version '2' is not served: the model here is 'iris', version 1"),
        (
            {"inputs": [triton.InferInput("rows", [1, 4], "FP32").set_data_from_numpy(TABLE[:1])]},
            "400",
            "inputs[0].name",
        ),
        ({"inputs": [asked(TABLE), asked(TABLE)]}, "400", "inputs: List should have at most 1 item"),
        (
            {"outputs": [triton.InferRequestedOutput("colour")]},
            "400",
            "outputs[0].name: Input should be 'label' or 'pro",
        ),
        ({"request_compression_algorithm": "gzip"}, "415", "content-encoding: must be identity, not 'gzip'"),
    ],
)
def test_tritonclient_is_told_why_not(
    caller: triton.InferenceServerClient, call: dict[str, object], status: str, reason: str
) -> None:
    with pytest.raises(InferenceServerException) as refused:
        caller.infer(**{"model_name": "iris", "inputs": [asked(TABLE)]} | call)
    assert refused.value.status() == status
    assert refused.value.message().startswith(reason)


def test_a_request_as_kserve_documents_it_is_answered(address: str, model: Model) -> None:
    body = {"id": "7", "inputs": [tensor(ROWS)]}  # nested, with the shape that it has
    answer = httpx.post(f"http://{address}{INFER}", json=body, timeout=60)
    labels, probabilities = direct(model, TABLE)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {
        "model_name": "iris",
        "model_version": "1",
        "id": "7",
        "outputs": [
            {"name": "label", "datatype": "INT64", "shape": [3], "data": labels.tolist()},
            {"name": "probabilities", "datatype": "FP32", "shape": [3, 3], "data": probabilities.ravel().tolist()},
        ],
    }


def test_the_request_that_the_readme_shows_is_answered(client: Client) -> None:
    path, body = re.search(r":8000(/v2/\S+) .*?-d '(.+?)'", README.read_text().replace("\n", " ")).groups()
    assert client.post(path, content=body).json()["outputs"][0]["data"] == [0]


def test_a_request_as_mlserver_sends_it_is_answered(client: Client) -> None:
    numbers = [number for row in ROWS for number in row]  # flat, and every optional field there, if only as null
    parameters = {"content_type": "np", "headers": None}
    inputs = [tensor(numbers, parameters=parameters)]
    body = {"id": None, "model_name": None, "parameters": {"content_type": None}, "inputs": inputs, "outputs": None}
    answer = client.post("/v2/models/iris/versions/1/infer", json=body)
    assert answer.status_code == 200
    assert answer.json()["outputs"][0]["data"] == [0, 2, 1]
    assert "id" not in answer.json()


def test_a_request_as_triton_documents_it_is_answered(client: Client, model: Model) -> None:
    inputs = [tensor(None, parameters={"binary_data_size": 48})]
    outputs = [{"name": "probabilities", "parameters": {"binary_data": True}}, {"name": "label"}]
    answer = client.post(INFER, **binary({"model_name": "iris", "inputs": inputs, "outputs": outputs}, TABLE.tobytes()))
    length = int(answer.headers["inference-header-content-length"])
    described = json.loads(answer.content[:length])["outputs"]
    assert answer.headers["content-type"] == "application/octet-stream"
    assert (described[0]["parameters"], described[1]["data"]) == ({"binary_data_size": 36}, [0, 2, 1])
    assert answer.content[length:] == direct(model, TABLE)[1].astype("<f4").tobytes()


def test_a_length_counts_the_mark_of_utf8(client: Client) -> None:
    options = binary({"inputs": [tensor(None, parameters={"binary_data_size": 48})]}, TABLE.tobytes())
    marked = int(options["headers"]["inference-header-content-length"]) + len(codecs.BOM_UTF8)
    options["headers"] = {"inference-header-content-length": str(marked)}
    answer = client.post(INFER, **options | {"content": codecs.BOM_UTF8 + options["content"]})
    assert answer.json()["outputs"][0]["data"] == [0, 2, 1]


def test_an_output_may_say_otherwise_than_the_request(client: Client) -> None:
    outputs = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities", "parameters": {}}]
    body = {"inputs": [tensor(ROWS)], "outputs": outputs, "parameters": {"binary_data_output": True}}
    answer = client.post(INFER, json=body)
    described = json.loads(answer.content[: int(answer.headers["inference-header-content-length"])])["outputs"]
    assert described[0]["data"] == [0, 2, 1]
    assert described[1]["parameters"] == {"binary_data_size": 36}


def test_a_length_that_covers_the_whole_body_means_that_all_of_it_is_json(client: Client) -> None:
    answer = client.post(INFER, **binary({"inputs": [tensor(ROWS)]}, b""))
    assert answer.status_code == 200
    assert "inference-header-content-length" not in answer.headers


def test_a_float64_graph_gets_float64_rows(model_dir: Callable[..., Path]) -> None:
    service = Settings(model_dir=model_dir(dtype="DOUBLE"))
    client, rows = Client(build_app(service, load_model(service))), np.linspace(-1, 1, 14).reshape(2, 7)
    in_json = {"name": "rows", "shape": [2, 7], "datatype": "FP64", "data": rows.tolist()}
    in_bytes = {"name": "rows", "shape": [2, 7], "datatype": "FP64", "parameters": {"binary_data_size": 112}}
    first = client.post("/v2/models/small/infer", json={"inputs": [in_json]}).json()["outputs"]
    second = client.post("/v2/models/small/infer", **binary({"inputs": [in_bytes]}, rows.tobytes())).json()["outputs"]
    assert first == second
    assert (first[0]["datatype"], first[0]["shape"]) == ("FP64", [2, 2])
    refused = client.post("/v2/models/small/infer", json={"inputs": [in_json | {"datatype": "FP32"}]})
    assert (refused.status_code, refused.json()["error"]) == (400, "inputs[0].datatype: Input should be 'FP64'")


def test_labels_that_are_strings_come_as_bytes_of_utf_8(model_dir: Callable[..., Path]) -> None:
    service = Settings(model_dir=model_dir(labels=("né", "yes"), label=True))
    client = Client(build_app(service, load_model(service)))
    body = {"inputs": [{"name": "rows", "shape": [2, 7], "datatype": "FP32", "data": [[1] * 7] * 2}]}
    wanted = {"outputs": [{"name": "label", "parameters": {"binary_data": True}}]}
    label = client.post("/v2/models/small/infer", json=body).json()["outputs"][1]
    answer = client.post("/v2/models/small/versions/3/infer", json=body | wanted)
    assert label == {"name": "label", "datatype": "BYTES", "shape": [2], "data": ["né", "né"]}
    assert client.get("/v2/models/small").json()["outputs"][1]["datatype"] == "BYTES"
    assert answer.content.endswith(b"}" + b"\3\0\0\0n\xc3\xa9" * 2)


def test_a_row_that_overflows_the_model_is_refused_and_named(model_dir: Callable[..., Path]) -> None:
    service = Settings(model_dir=model_dir(label=True))
    body = {"inputs": [{"name": "rows", "shape": [2, 7], "datatype": "FP32", "data": [[1] * 7, [3.4e38] * 7]}]}
    answer = Client(build_app(service, load_model(service))).post(
        "/v2/models/small/infer", json=body | {"outputs": [{"name": "label"}]}
    )
    assert answer.status_code == 400
    assert answer.json() == {"error": "row 1 of the inputs: the model has no finite chances for these values"}


FLAT = [number for row in ROWS for number in row]
WRONG = {
    "no inputs": ({}, "inputs: Field required"),
    "empty inputs": ({"inputs": []}, "inputs: List should have at least 1 item"),
    "unknown input": ({"inputs": [tensor(FLAT, name="rows")]}, "inputs[0].name: Input should be 'float_input'"),
    "input twice": ({"inputs": [tensor(FLAT)] * 2}, "inputs: List should have at most 1 item"),
    "other datatype": ({"inputs": [tensor(FLAT, datatype="FP64")]}, "inputs[0].datatype: Input should be 'FP32'"),
    "no data": (
        {"inputs": [{"name": "float_input", "shape": [1, 4], "datatype": "FP32"}]},
        "inputs[0].data: Field req",
    ),
    "other width": ({"inputs": [tensor(FLAT, [4, 3])]}, "inputs[0].shape[1]: Input should be 4"),
    "no rows": ({"inputs": [tensor([], [0, 4])]}, "inputs[0].shape[0]: Input should be greater than or equal to 1"),
    "one dimension": ({"inputs": [tensor(FLAT, [12])]}, "inputs[0].shape[1]: Field required"),
    "too many rows": (
        {"inputs": [tensor(FLAT, [10_001, 4])]},
        "inputs[0].shape[0]: Input should be less than or equal",
    ),
    "shape is a fraction": (
        {"inputs": [tensor(FLAT, [3.5, 4])]},
        "inputs[0].shape[0]: Input should be a valid integer",
    ),
    "fewer data": ({"inputs": [tensor(FLAT[:8])]}, "inputs[0].data: shape [3, 4] does not hold 8 values"),
    "more data": ({"inputs": [tensor(ROWS, [2, 4])]}, "inputs[0].data: shape [2, 4] does not hold 12 values"),
    "string": ({"inputs": [tensor([1, 2, 3, "4"], [1, 4])]}, "inputs[0].data[3]: Input should be a valid number"),
    "boolean": ({"inputs": [tensor([True, 2, 3, 4], [1, 4])]}, "inputs[0].data[0]: Input should be a valid number"),
    "nested boolean": (
        {"inputs": [tensor([[1, 2, 3, True]], [1, 4])]},
        "inputs[0].data[0][3]: Input should be a valid",
    ),
    "beyond float32": (
        {"inputs": [tensor([1, 2, 1e39, 4], [1, 4])]},
        "inputs[0].data[2]: Input should be less than or",
    ),
    "not finite": (
        {"inputs": [tensor([1, 2, 3, float("nan")], [1, 4])]},
        "inputs[0].data[3]: Input should be a finite",
    ),
    "ragged": ({"inputs": [tensor([[1, 2, 3, 4], [1]], [2, 4])]}, "inputs[0].data[1]: List should have at least 4"),
    "half nested": (
        {"inputs": [tensor([[1, 2, 3, 4], 5], [2, 4])]},
        "inputs[0].data[1]: Input should be a valid array",
    ),
    "data is no list": ({"inputs": [tensor("1 2 3 4")]}, "inputs[0].data: Input should be a valid array"),
    "id is a number": ({"id": 42, "inputs": [tensor(FLAT)]}, "id: Input should be a valid string"),
    "unknown output": (
        {"inputs": [tensor(FLAT)], "outputs": [{"name": "x"}]},
        "outputs[0].name: Input should be 'label'",
    ),
    "too many outputs": (
        {"inputs": [tensor(FLAT)], "outputs": [{"name": "label"}] * 3},
        "outputs: List should have at m",
    ),
    "classification": (
        {"inputs": [tensor(FLAT)], "outputs": [{"name": "label", "parameters": {"classification": 2}}]},
        "outputs[0].parameters.classification: Input should be null",
    ),
    "shared memory": (
        {"inputs": [tensor(FLAT, parameters={"shared_memory_region": "a"})]},
        "inputs[0].parameters.shared_memory_region: Input should be null",
    ),
    "bytes announced that do not follow": (
        {"inputs": [tensor(FLAT, parameters={"binary_data_size": 48})]},
        "inputs[0].parameters.binary_data_size: must be null, because 0 bytes follow",
    ),
    "a list": ([], "body: Input should be an object"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused_with_the_field_and_the_limit(client: Client, name: str) -> None:
    body, reason = WRONG[name]
    answer = client.post(INFER, content=json.dumps(body))
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(reason)


ONE = json.dumps(tensor(ROWS[:1], [1, 4]))


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (f'{{"inputs": [{ONE}], "inputs": [{ONE}]}}', "inputs"),
        (f'{{"inputs": [{ONE[:-1]}, "data": [1, 2, 3, 4]}}]}}', "data"),
        (f'{{"inputs": [{ONE[:-1]}, "d\\u0061ta": [1, 2, 3, 4]}}]}}', "data"),
        (f'{{"inputs": [{ONE[:-1]}, "parameters": {{"a": 1, "a": 2}}}}]}}', "a"),
        (f'{{"inputs": [{ONE}], "outputs": [{{"name": "label", "name": "probabilities"}}]}}', "name"),
    ],
)
def test_a_name_that_comes_twice_is_refused(client: Client, body: str, name: str) -> None:
    answer = client.post(INFER, content=body)
    assert (answer.status_code, answer.json()) == (400, {"error": f"body: the name {name!r} comes twice in one object"})


def test_a_text_is_parsed_again_only_if_it_has_more_colons_than_names(client: Client) -> None:
    parameters = {"binary_data_output": False, "content_type": "np"}
    outputs = [{"name": "label", "parameters": {"binary_data": False}}, {"name": "probabilities"}]
    body = {"id": "7", "inputs": [tensor(ROWS, parameters={"content_type": "np"})], "outputs": outputs}
    body |= {"parameters": parameters, "model_name": None}
    with patch("json.loads", side_effect=AssertionError("parsed again")):
        assert client.post(INFER, content=json.dumps(body)).status_code == 200


BYTES = TABLE.tobytes()
NAN = np.where(np.arange(12) == 6, np.nan, TABLE.ravel()).astype(np.float32).tobytes()
SIZE = "inputs[0].parameters.binary_data_size: "
WRONG_BINARY = {
    "more bytes than announced": (48, BYTES + b"1234", None, f"{SIZE}48, but 52 bytes follow"),
    "fewer bytes than announced": (48, BYTES[:-4], None, f"{SIZE}48, but 44 bytes follow"),
    "a part of a number": (47, BYTES[:-1], None, f"{SIZE}47, but 47 bytes follow; 4 bytes for each number"),
    "another size than the shape's": (44, BYTES[:-4], None, "inputs[0].data: shape [3, 4] does not hold 11 values"),
    "negative size": (-1, BYTES, None, f"{SIZE}Input should be greater than or equal to 0"),
    "size as text": ("48", BYTES, None, f"{SIZE}Input should be a valid integer"),
    "not a number": (48, NAN, None, "inputs[0].data[6]: must be a finite number"),
    "length beyond the body": (
        48,
        BYTES,
        10_000,
        "inference-header-content-length: must be a number of bytes, at most",
    ),
    "negative length": (
        48,
        BYTES,
        -1,
        "inference-header-content-length: must be a number of bytes, at most the body's",
    ),
    "huge length": (
        48,
        BYTES,
        "9" * 5000,
        "inference-header-content-length: must be a number of bytes, at most the bo",
    ),
    "length as text": (
        48,
        BYTES,
        "²",
        "inference-header-content-length: must be a number of bytes, at most the body's",
    ),
    "length of nothing": (48, BYTES, 0, "body: Invalid JSON"),
    "length within the JSON": (48, BYTES, 20, "body: Invalid JSON"),
}


@pytest.mark.parametrize("name", WRONG_BINARY)
def test_wrong_bytes_are_refused_with_the_field_and_the_limit(client: Client, name: str) -> None:
    size, after, length, reason = WRONG_BINARY[name]
    options = binary({"inputs": [tensor(None, parameters={"binary_data_size": size})]}, after, length)
    options["headers"] = {key: value.encode("latin-1") for key, value in options["headers"].items()}
    answer = client.post(INFER, **options)
    assert (answer.status_code, answer.json()["error"][: len(reason)]) == (400, reason)
    assert len(answer.json()["error"]) < 200


def test_bytes_that_no_input_declares_are_refused(client: Client) -> None:
    answer = client.post(INFER, **binary({"inputs": [tensor(FLAT)]}, b"0123"))
    assert (answer.status_code, answer.json()) == (400, {"error": f"{SIZE}not declared, but 4 bytes follow"})


def test_data_and_bytes_together_are_refused(client: Client) -> None:
    both = {"inputs": [tensor(FLAT, parameters={"binary_data_size": 48})]}
    neither = {"inputs": [tensor(None)]}
    assert client.post(INFER, **binary(both, BYTES)).json() == {"error": "inputs[0].data: Input should be null"}
    assert client.post(INFER, **binary(neither, BYTES)).json() == {"error": "inputs[0].parameters: Field required"}


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"content-encoding": "gzip"}, 415, "content-encoding: must be identity, not 'gzip'"),
        ({"content-type": "text/html"}, 415, "content-type: must be application/json or application/octet-stream, not"),
        ({"content-length": "1048577"}, 413, "body: larger than the limit of 1048576 bytes"),
    ],
)
def test_a_body_is_refused_before_it_is_read(client: Client, headers: dict[str, str], status: int, reason: str) -> None:
    answer = client.post(INFER, content=b"x", headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(reason)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/rose", 404),
        ("GET", "/v2/models/iris/versions/01/ready", 404),
        ("GET", INFER, 405),
        ("POST", "/v2/models/iris/versions/2/infer", 404),
        ("GET", "/v2/models/iris/config", 404),
    ],
)
def test_what_is_not_there_is_an_error_of_the_protocol(client: Client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


def test_it_is_not_ready_while_the_model_fails_but_lives(settings: Settings) -> None:
    model = load_model(settings)
    client, model.labels = Client(build_app(settings, model)), ["one"]
    for path in ("/v2/health/ready", "/v2/models/iris/ready", "/v2/models/iris/versions/1/ready"):
        answer = client.get(path)
        assert (answer.status_code, "shape (2, 3)" in answer.json()["error"]) == (503, True)
    assert client.get("/v2/health/live").json() == {"live": True}


def test_rows_are_counted_and_the_path_is_the_template(client: Client) -> None:
    client.post(INFER, json={"inputs": [tensor(ROWS)]})
    client.post(INFER, json={"inputs": [tensor(ROWS, [9, 4])]})
    client.post("/v2/models/rose/infer", json={})
    page = client.get("/metrics").text
    assert "predicted_rows_total 3.0" in page
    assert 'seconds_count{path="/v2/models/{name}/infer",status="400"} 1.0' in page
    assert "rose" not in page


def test_openapi_shows_the_request_the_answer_and_the_refusals(client: Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    operation = paths["/v2/models/{name}/versions/{version}/infer"]["post"]
    shown = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["inputs"]["items"]
    assert {"/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/{name}", "/v2/models/{name}/ready"} <= set(paths)
    assert (shown["properties"]["name"]["const"], shown["properties"]["shape"]["maxItems"]) == ("float_input", 2)
    assert [parameter["schema"]["enum"] for parameter in operation["parameters"]] == [["iris"], ["1"]]
    assert set(operation["responses"]["200"]["content"]) == {"application/json", "application/octet-stream"}
    assert {"400", "404", "408", "413", "415"} <= set(operation["responses"])


numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)


@examples(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    table=st_numpy.arrays(np.float32, st.tuples(st.integers(1, 40), st.just(4)), elements=numbers), flat=st.booleans()
)
def test_json_and_bytes_agree_on_every_row(client: Client, model: Model, table: np.ndarray, flat: bool) -> None:
    inputs = [tensor((table.ravel() if flat else table).tolist(), table.shape)]
    described = [tensor(None, table.shape, parameters={"binary_data_size": table.nbytes})]
    options = {"parameters": {"binary_data_output": True}}
    in_json = client.post(INFER, json={"inputs": inputs}).json()["outputs"]
    in_bytes = client.post(INFER, **binary({"inputs": described} | options, table.tobytes()))
    labels, probabilities = direct(model, table)
    assert (in_json[0]["data"], in_json[1]["shape"]) == (labels.tolist(), [len(table), 3])
    assert np.array_equal(np.array(in_json[1]["data"], np.float32), probabilities.ravel())
    assert in_bytes.content.endswith(labels.tobytes() + probabilities.tobytes())
