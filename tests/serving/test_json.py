"""The JSON of the REST API: its forms, types and error messages, as TensorFlow Serving has them."""

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

EXTREMES = {
    "bool": [True, False], "int8": [-128, 127], "uint8": [0, 255], "int16": [-(2**15), 2**15 - 1],
    "int32": [-(2**31), 2**31 - 1], "uint32": [0, 2**32 - 1],
    "int64": [-(2**63), 2**63 - 1], "uint64": [0, 2**64 - 1],
    "float32": [0.1, -3.0e38, 16777215], "float64": [1e-300, 1.7e308, 2**53 - 1],
}  # fmt: skip


def post(server, body, **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return server.http.post("/v1/models/sample:predict", content=content, headers=headers)


def error(server, body):
    answer = post(server, body)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


def columns(server, signature, inputs):
    answer = post(server, {"signature_name": signature, "inputs": inputs})
    assert answer.status_code == 200, answer.text
    return answer.json()["outputs"]


@pytest.mark.parametrize("name", EXTREMES)
def test_the_extremes_of_every_type_are_kept(sample, name):
    values = EXTREMES[name]
    assert columns(sample, f"echo_{name}", [values, values]) == [values, values]


MISFITS = {
    "int8": [128, 1.5], "uint8": [-1], "int64": [2**63, 1.0], "int32": [True, "1", None, {"b64": ""}],
    "bool": [1, None], "float32": [1e39, "1", True, None, [[1, 2], [3]], [1, [2]], 16777217, 2**24],
    "float64": [10**400, 2**53 + 1], "string": [1, {"b64": "*"}, {"x": "y"}, "\ud800", {"b64": "YWI=="}],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in MISFITS for value in MISFITS[name]])
def test_what_does_not_fit_the_type_is_refused(sample, name, value):
    assert len(error(sample, {"signature_name": f"echo_{name}", "inputs": {"x": value}})) < 400


@pytest.mark.parametrize("name", ["float16", "bfloat16", "uint16", "complex64"])
def test_a_type_that_tensorflow_serving_does_not_read_from_json_is_not_implemented(sample, name):
    answer = post(sample, {"signature_name": f"echo_{name}", "inputs": [1]})
    assert answer.status_code == 501
    assert answer.json()["error"].startswith("Conversion of JSON Value: 1 to type: ")


@pytest.mark.parametrize("text", ["NaN, Infinity, -Infinity", "-NaN, Inf, -Inf"])
def test_not_a_number_and_infinity_are_read_and_written(sample, text):
    answer = post(sample, f'{{"signature_name": "echo_float32", "inputs": [{text}]}}'.encode())
    nan, *infinities = json.loads(answer.content)["outputs"]
    assert math.isnan(nan)
    assert infinities == [math.inf, -math.inf]


def test_a_number_that_no_double_holds_is_refused_and_does_not_become_infinity(sample):
    said = error(sample, b'{"signature_name": "echo_float32", "inputs": [Infinity, 1e400]}')
    assert said == "JSON Parse error: Number too big to be stored in double."


def test_float32_is_written_with_six_digits_or_with_nine(sample):
    values = [0.2, 1.1e-7, 9e6, 555557.5, 0.9999996423721313]
    assert columns(sample, "echo_float32", values) == [0.2, 1.1e-7, 9e6, 555557.5, 0.999999642]


@pytest.mark.parametrize("b64", ["aGVsbG8=", "aGVsbG8", "aGVsbG8.", "aGVs\nbG8=\n", "aG Vs\tbG8"])
def test_base64_may_be_wrapped_or_without_padding(sample, b64):
    assert columns(sample, "echo_string", {"b64": b64}) == "hello"


def test_an_empty_signature_name_is_the_default_one(sample):
    rows = [{"pair": [1, 2], "n": 3}]
    assert post(sample, {"signature_name": "", "instances": rows}).json() == post(sample, {"instances": rows}).json()


def test_a_byte_order_mark_is_skipped_and_utf_16_is_refused(sample):
    body = json.dumps({"signature_name": "echo_string", "inputs": ["\u00e9"]}, ensure_ascii=False)
    assert post(sample, b"\xef\xbb\xbf" + body.encode()).json() == {"outputs": ["\u00e9"]}
    assert error(sample, body.encode("utf-16")).startswith("JSON Parse error: Invalid value. The body must be UTF-8")


def test_text_that_is_not_utf_8_is_written_in_its_own_bytes(sample):
    answer = post(sample, {"signature_name": "echo_string", "inputs": [{"b64": "/w=="}]})
    assert answer.content == b'{"outputs": ["\xff"]}'


def test_rows_name_several_inputs_and_outputs(sample):
    rows = [{"pair": [1, 2], "n": 3}, {"pair": [4.5, 5], "n": -6}]
    answer = post(sample, {"instances": rows}).json()
    assert answer == {"predictions": [{"total": 3.0, "twice": 6}, {"total": 9.5, "twice": -12}]}
    by_column = columns(sample, "serving_default", {"pair": [[1, 2], [4.5, 5]], "n": [3, -6]})
    assert by_column == {"total": [3.0, 9.5], "twice": [6, -12]}


def test_the_name_of_a_single_output_is_omitted(sample):
    answer = post(sample, {"signature_name": "echo_int32", "instances": [[1, 2], [3, 4]]})
    assert answer.json() == {"predictions": [[1, 2], [3, 4]]}


def test_bytes_are_written_in_base64_and_text_as_text(sample):
    answer = post(sample, {"signature_name": "strings", "instances": ["abc", {"b64": "ZMO8"}]})
    first, second = answer.json()["predictions"]
    assert first == {"text": "ABC", "image_bytes": {"b64": "YWJj"}}
    assert second["image_bytes"] == {"b64": "ZMO8"}


def test_an_answer_without_a_batch_dimension_has_no_rows(sample):
    assert columns(sample, "mean", [1, 2, 6]) == 3.0
    said = error(sample, {"signature_name": "mean", "instances": [1, 2, 6]})
    assert said == "Tensor name: mean has no shape information "


def test_a_signature_without_inputs_has_no_json_form(sample):
    assert error(sample, {"signature_name": "count", "inputs": {}}) == "Failed to get input map for signature: count"


NONSENSE = {
    b"": "JSON Parse error: The document is empty",
    b"instances = [1, 2]": "JSON Parse error: Invalid value. at offset: 0",
    b"{": "JSON Parse error: Missing a name for object member. at offset: 1",
    b'{"instances" 1}': "JSON Parse error: Missing a colon after a name of object member. at offset: 13",
    b'{"instances": [1]}]': "JSON Parse error: The document root must not be followed by other values. at offset: 18",
    b'{"instances": ["a': "JSON Parse error: Missing a closing quotation mark in string. at offset: 15",
    b'{"inputs": 1, "inputs": 2}': "JSON Parse error: a name appears twice in one object",
    b"[" * 100_000: "JSON Parse error: ",
    b"[1]": "JSON Value: [1] Is not object",
    b"{}": "Missing 'inputs' or 'instances' key",
    b'{"instances": [], "inputs": []}': "Not formatted correctly expecting only one of 'inputs' or 'instances' keys",
    b'{"instances": []}': "No values in 'instances' array",
    b'{"instances": 5}': "Excepting 'instances' to be an list/array",
    b'{"instances": [1.0]}': "instances is a plain list, but expecting list of objects",
    b'{"instances": [{"pair": [1, 2]}]}': 'JSON object: {"pair": [1, 2]} keys must be equal to: n,pair',
    b'{"instances": [{"pair": [1], "n": 1, "x": 1}]}': "JSON object: does not have named input: x",
    b'{"instances": [{"pair": [1, 2], "n": 1}, 5]}': "Expecting object but got list at item 1 of input list",
    b'{"inputs": [1.0]}': "inputs is a plain value/list, but expecting an object",
    b'{"inputs": {"pair": [[1, 2]]}}': "Missing named input: n in 'inputs' object.",
    b'{"signature_name": "mean", "instances": [[1, 2], [3]]}': "Expecting tensor size: 2 but got: 1",
    b'{"signature_name": "mean", "instances": [[1, 2], [[3, 4]]]}': "Expecting shape [2] but got: [1,2]",
    b'{"signature_name": "mean", "instances": [1, {"x": 1}]}': "Expecting value/list but got object at item 1",
    b'{"signature_name": "mean", "instances": [1, "a"]}': 'JSON Value: "a" Type: String is not of expected type: float',
    b'{"signature_name": "mean", "inputs": [[1, 2], [3]]}': "Encountered list at unexpected size: 1 at level: 1",
    b'{"signature_name": "mean", "inputs": [[1], 2]}': "JSON Value: 2 found at incorrect level: 2 in the JSON DOM.",
    b'{"signature_name": 5, "inputs": 5}': "'signature_name' key must be a string value.",
    b'{"signature_name": "other", "inputs": 5}': 'Serving signature name: "other" not found in signature def',
}


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: body.decode()[:50])
def test_an_invalid_body_is_refused_in_tensorflow_servings_words(sample, body):
    assert NONSENSE[body] in error(sample, body)


@pytest.mark.parametrize("half", [r"\ud800", r"\uDC00", r"\udc00\ud800"])
@pytest.mark.parametrize("inputs", ['{"%s": 1}', '[{"%s": 1}]', '[{"pair": [1, 2], "n": "%s"}]', '[{"b64": "%s"}]'])
@pytest.mark.parametrize("method", ["predict", "classify"])
def test_half_a_surrogate_pair_is_refused_wherever_it_is(sample, half, inputs, method):
    body = f'{{"instances": {inputs % half}, "examples": {inputs % half}}}'
    answer = sample.http.post(f"/v1/models/sample:{method}", content=body)
    expected = {"error": "JSON Parse error: The surrogate pair in string is invalid."}
    assert (answer.status_code, answer.json()) == (400, expected)


def test_a_whole_surrogate_pair_is_one_character(sample):
    assert columns(sample, "echo_string", ["\U0001f600"]) == ["\U0001f600"]


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just({"b64": "YQ=="}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["pair", "n", "b64", "x"]), inner),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["instances", "inputs"]), anything, st.sampled_from(["serving_default", "strings", "echo_int8"]))
def test_any_json_gets_an_answer_or_a_reason(sample, key, value, signature):
    answer = post(sample, {"signature_name": signature, key: value})
    assert answer.status_code in (200, 400), answer.text
    assert answer.json()
