"""Every named tensor under /v2: in the JSON, as bytes, or some of each."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from onnx import helper

from local import servers
from tests.preloaded import Preloaded

from ..conftest import Client, save, serve
from ..graphs import CUSTOMERS, STAYS, churn, graph
from ..running import COMMAND

INFER = "/v2/models/small/infer"
DATATYPES = {"age": "FP32", "city": "BYTES", "visits": "INT64"}
TABLES = {
    "age": np.array([[row["age"]] for row in CUSTOMERS], np.float32),
    "city": np.array([[row["city"]] for row in CUSTOMERS], object),
    "visits": np.array([[row["visits"]] for row in CUSTOMERS], np.int64),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a pipeline that takes an age, a city and a number of visits."""
    place = tmp_path_factory.mktemp("churn")
    return save(place / "churn", churn("error")[1], ["leaves", "stays"], sample=CUSTOMERS[0])


@pytest.fixture
def client(folder: Path) -> Client:
    return serve(folder)


def tensor(name: str, /, **change: object) -> dict[str, object]:
    values = TABLES[name].tolist()
    return {"name": name, "datatype": DATATYPES[name], "shape": [4, 1], "data": values} | change


def request(*inputs: dict[str, object]) -> dict[str, object]:
    return {"inputs": list(inputs)}


def test_metadata_names_every_tensor(client: Client) -> None:
    page = client.get("/v2/models/small").json()
    assert [(each["name"], each["datatype"], each["shape"]) for each in page["inputs"]] == [
        (name, datatype, [-1, 1]) for name, datatype in DATATYPES.items()
    ]
    assert [(each["name"], each["datatype"]) for each in page["outputs"]] == [
        ("label", "BYTES"),
        ("probabilities", "FP32"),
    ]


def test_tensors_in_any_order_get_the_answers_of_predict(client: Client) -> None:
    predicted = client.post("/predict", json={"data": CUSTOMERS}).json()["prediction"]
    for names in (["age", "city", "visits"], ["visits", "age", "city"]):
        label, probabilities = client.post(INFER, json=request(*map(tensor, names))).json()["outputs"]
        assert label["data"] == STAYS.tolist()
        assert np.reshape(probabilities["data"], (4, 2)).tolist() == predicted


@pytest.mark.parametrize("binary", ["", "age", "city", "visits", "age city visits"])
def test_tritonclient_sends_each_tensor_as_json_or_as_bytes(address: str, binary: str) -> None:
    with triton.InferenceServerClient(address) as caller:
        inputs = [triton.InferInput(name, [4, 1], DATATYPES[name]) for name in TABLES]
        for each in inputs:
            each.set_data_from_numpy(TABLES[each.name()], each.name() in binary.split())
        answer = caller.infer("small", inputs)
    assert [text.decode() for text in answer.as_numpy("label")] == STAYS.tolist()


@pytest.fixture(scope="module")
def address(preloaded: Preloaded, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    address = f"127.0.0.1:{servers.free_port()}"
    argv, log = [*COMMAND, "--bind", address, "--workers", "1"], tmp_path_factory.mktemp("gunicorn") / "log"
    ready = f"http://{address}/ready"
    program = preloaded.start("web_single", argv, lambda: servers.answers(ready), log, {"MODEL_DIR": str(folder)})
    yield program.wait_ready() and address
    program.stop()


WRONG = {
    "a tensor is missing": (request(tensor("age"), tensor("city")), "inputs: List should have at least 3 items"),
    "a tensor twice": (request(*map(tensor, ["age", "city", "age"])), "inputs[2]: each input must be sent once"),
    "an unknown tensor": (
        request(tensor("age"), tensor("city"), tensor("visits", name="stays")),
        "inputs[2]: Input tag 'stays' found using 'name' does not match any of the expected tags: 'age', 'city', 'visi",
    ),
    "other numbers of rows": (
        request(tensor("age"), tensor("city"), tensor("visits", shape=[1, 1], data=[3])),
        "inputs[2]: each input must be sent once, and all with as many rows",
    ),
    "text for a count": (
        request(tensor("age"), tensor("city"), tensor("visits", data=["3"] * 4)),
        "inputs[2].data[0]: Input should be a valid integer",
    ),
    "number for a text": (
        request(tensor("age"), tensor("city", data=[[7]] * 4), tensor("visits")),
        "inputs[1].data[0][0]: Input should be a valid string",
    ),
    "another datatype": (
        request(tensor("age", datatype="FP64"), tensor("city"), tensor("visits")),
        "inputs[0].datatype: Input should be 'FP32'",
    ),
    "an unknown output": (
        request(*map(tensor, TABLES)) | {"outputs": [{"name": "colour"}]},
        "outputs[0].name: Input should be 'label' or 'probabilities'",
    ),
    "a parameter of an output": (
        request(*map(tensor, TABLES)) | {"outputs": [{"name": "label", "parameters": {"binary_data": "yes"}}]},
        "outputs[0].parameters.binary_data: Input should be a valid boolean",
    ),
    "an unknown category": (
        request(tensor("age"), tensor("city", data=["Oslo", "Oslo", "Paris", "Oslo"]), tensor("visits")),
        "row 2 of the inputs: the model refuses these values: Unknown Category and zeros = 0.",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_request_is_refused_with_the_tensor_and_the_limit(client: Client, name: str) -> None:
    body, reason = WRONG[name]
    answer = client.post(INFER, json=body)
    assert (answer.status_code, answer.json()["error"][: len(reason)]) == (400, reason)


def texts(*values: bytes) -> bytes:
    return b"".join(struct.pack("<I", len(value)) + value for value in values)


WRONG_BYTES = {
    "text that is cut off": (texts(b"Oslo")[:-1], "inputs[0].data[0]: its text is longer than the bytes that follow"),
    "length that is cut off": (texts(b"Oslo") + b"\1", "inputs[0].data[1]: its text is longer than the bytes that fo"),
    "text that is not UTF-8": (texts(b"\xff"), "inputs[0].data[0]: must be UTF-8"),
    "more texts than rows": (texts(b"Oslo", b"Rome"), "inputs[0].data: shape [1] does not hold 2 values"),
}


def echo(tmp_path: Path, dtype: str) -> Client:
    """A service that gives its input back, beside a value for each row."""
    nodes = [helper.make_node("Identity", ["x"], ["same"]), helper.make_node("Shape", ["x"], ["size"])]
    nodes += [helper.make_node("ConstantOfShape", ["size"], ["values"])]
    outputs = {"same": (dtype, [None]), "values": ("float32", [None])}
    return serve(
        save(tmp_path / dtype, graph(nodes, {"x": (dtype, [None])}, outputs), [], task="regression", output="values")
    )


def send(client: Client, datatype: str, rows: int, raw: bytes) -> httpx.Response:
    parameters = {"binary_data_size": len(raw)}
    head = json.dumps(request({"name": "x", "datatype": datatype, "shape": [rows], "parameters": parameters})).encode()
    return client.post(INFER, content=head + raw, headers={"inference-header-content-length": str(len(head))})


@pytest.mark.parametrize("name", WRONG_BYTES)
def test_wrong_texts_are_refused(tmp_path: Path, name: str) -> None:
    raw, reason = WRONG_BYTES[name]
    answer = send(echo(tmp_path, "string"), "BYTES", 1, raw)
    assert (answer.status_code, answer.json()["error"][: len(reason)]) == (400, reason)


VALUES: dict[str, tuple[str, list[object]]] = {
    "bool": ("BOOL", [True, False]),
    "int32": ("INT32", [-(2**31), 2**31 - 1]),
    "int64": ("INT64", [-(2**63), 2**63 - 1]),
    "float32": ("FP32", [1.5, -0.0]),
    "float64": ("FP64", [1e300, 5e-324]),
    "string": ("BYTES", ["é", ""]),
}


@pytest.mark.parametrize("dtype", VALUES)
def test_each_datatype_goes_in_and_out_as_json_and_as_bytes(tmp_path: Path, dtype: str) -> None:
    datatype, values = VALUES[dtype]
    client, array = echo(tmp_path, dtype), np.array(values, object if dtype == "string" else dtype)
    raw = texts(*(text.encode() for text in values)) if dtype == "string" else array.tobytes()
    in_json = client.post(INFER, json=request({"name": "x", "datatype": datatype, "shape": [2], "data": values})).json()
    in_bytes = send(client, datatype, 2, raw).json()
    expected = {"name": "same", "datatype": datatype, "shape": [2], "data": values}
    assert in_json["outputs"][0] == in_bytes["outputs"][0] == expected
    wanted = {"outputs": [{"name": "same", "parameters": {"binary_data": True}}]}
    body = request({"name": "x", "datatype": datatype, "shape": [2], "data": values}) | wanted
    assert client.post(INFER, json=body).content.endswith(b"}" + raw)


def test_a_byte_that_is_no_truth_value_is_refused(tmp_path: Path) -> None:
    answer = send(echo(tmp_path, "bool"), "BOOL", 3, b"\1\0\2")
    assert (answer.status_code, answer.json()) == (400, {"error": "inputs[0].data[2]: must be 0 or 1, not 2"})


@pytest.mark.parametrize("missing", [True, False])
def test_a_missing_number_is_taken_where_the_manifest_says_so(tmp_path: Path, missing: bool) -> None:
    nodes = [helper.make_node("IsNaN", ["x"], ["nan"]), helper.make_node("Cast", ["nan"], ["values"], to=1)]
    content = graph(nodes, {"x": ("float32", [None, 2])}, {"values": ("float32", [None, 2])})
    client = serve(save(tmp_path / "m", content, [], task="regression", inputs=[{"name": "x", "missing": missing}]))
    body = {"name": "x", "datatype": "FP32", "shape": [1, 2]}
    in_json = client.post(INFER, json=request(body | {"data": [None, 1]}))
    raw = np.array([np.nan, 1], np.float32).tobytes()
    head = json.dumps(request(body | {"parameters": {"binary_data_size": 8}})).encode()
    options = {"content": head + raw, "headers": {"inference-header-content-length": str(len(head))}}
    answers = [in_json, client.post(INFER, **options)]
    assert [answer.status_code for answer in answers] == ([200, 200] if missing else [400, 400])
    if missing:
        assert [answer.json()["outputs"][0]["data"] for answer in answers] == [[1.0, 0.0]] * 2


def test_openapi_shows_every_tensor(client: Client) -> None:
    operation = client.get("/openapi.json").json()["paths"]["/v2/models/{name}/infer"]["post"]
    shown = operation["requestBody"]["content"]["application/json"]["schema"]["properties"]["inputs"]
    names = {each["properties"]["name"]["const"] for each in shown["items"]["oneOf"]}
    assert (names, shown["minItems"], shown["maxItems"]) == ({"age", "city", "visits"}, 3, 3)


@pytest.mark.parametrize("last", ["float32", "int64"])
def test_many_inputs_share_types_and_are_answered_and_refused_as_few_are(tmp_path: Path, last: str) -> None:
    kinds = {f"c{number}": "float32" for number in range(99)} | {"c99": last}
    casts = [helper.make_node("Cast", [name], [f"{name}_float"], to=1) for name in kinds]
    joined = helper.make_node("Concat", [f"{name}_float" for name in kinds], ["y"], axis=1)
    content = graph(
        [*casts, joined], {name: (kinds[name], [None, 1]) for name in kinds}, {"y": ("float32", [None, 100])}
    )
    client = serve(save(tmp_path / "m", content, [], task="regression", sample=[0] * 100))
    datatypes = {"float32": "FP32", "int64": "INT64"}
    sent = [
        {"name": name, "datatype": datatypes[kind], "shape": [1, 1], "data": [number]}
        for number, (name, kind) in enumerate(kinds.items())
    ]
    assert client.post(INFER, json=request(*reversed(sent))).json()["outputs"][0]["data"] == list(range(100))
    refused = client.post(INFER, json=request(*sent[:98], sent[98] | {"data": ["98"]}, sent[99]))
    assert refused.json() == {"error": "inputs[98].data[0]: Input should be a valid number"}
    twice = client.post(INFER, json=request(*sent[:99], sent[0]))
    assert twice.json() == {"error": "inputs[99]: each input must be sent once, and all with as many rows"}
    body = client.get("/openapi.json").json()["paths"]["/v2/models/{name}/infer"]["post"]["requestBody"]
    shown = body["content"]["application/json"]["schema"]["properties"]["inputs"]["items"]
    assert len(shown.get("oneOf", [shown])) == len({*kinds.values()})
