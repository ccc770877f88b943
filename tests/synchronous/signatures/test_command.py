"""--inputs and --signature: any signature of a model, the same over gRPC and REST."""

import json
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from synchronous.messages import get_model_metadata_pb2

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])
ROWS = [{"pair": [1, 2], "n": 2**53 + 1}, {"pair": [4.5, 5], "n": -6}]


@pytest.fixture
def ask(run, sample, tmp_path):
    """Ask the server with a file that holds `body`, JSON or text."""

    def ask(protocol, body, *more):
        file = tmp_path / "rows.json"
        file.write_text(body if isinstance(body, str) else json.dumps(body))
        address = {"SERVING_GRPC": sample.grpc, "SERVING_REST": sample.rest}
        return run("client", "--inputs", file, "--format", protocol, "--model-name", "sample", *more, **address)

    return ask


def lines(result):
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def failure(result, code):
    assert (result.returncode, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    return line


@BOTH
def test_each_row_gets_a_line(ask, protocol):
    wanted = [{"total": 3.0, "twice": 2**54 + 2}, {"total": 9.5, "twice": -12}]
    assert lines(ask(protocol, {"instances": ROWS})) == wanted
    assert lines(ask(protocol, ROWS)) == wanted


@BOTH
def test_columns_get_one_line_and_a_signature_has_its_name(ask, protocol):
    columns = {"signature_name": "strings", "inputs": {"text": ["abc", {"b64": "w7w="}]}}
    [line] = lines(ask(protocol, columns))
    assert line == {"text": ["ABC", "\u00fc"], "image_bytes": [{"b64": "YWJj"}, {"b64": "w7w="}]}
    assert lines(ask(protocol, {"inputs": [1, 2, 6]}, "--signature", "mean")) == [3.0]


@BOTH
@pytest.mark.parametrize(
    ("name", "values"), [("uint64", [2**64 - 1]), ("float32", [0.1, 1e-7, 0.9999996423721313]), ("bool", [True])]
)
def test_the_same_digits_are_printed_over_both_protocols(ask, protocol, name, values):
    printed = ask(protocol, {"inputs": values}, "--signature", f"echo_{name}").stdout
    assert printed == ask("rest", {"inputs": values}, "--signature", f"echo_{name}").stdout
    assert json.loads(printed) == pytest.approx(values, rel=1e-8)


@BOTH
def test_not_a_number_is_sent_and_printed(ask, protocol):
    assert ask(protocol, '{"inputs": [NaN, Infinity]}', "--signature", "echo_float32").stdout == "[NaN, Infinity]\n"


def test_half_precision_is_asked_over_grpc(ask):
    assert lines(ask("grpc", {"instances": [1.5, -2.25]}, "--signature", "echo_float16")) == [1.5, -2.25]


def test_a_file_may_be_stdin(run, sample):
    argv = ["client", "--inputs=-", "--signature", "mean", "--model-name", "sample", "--target", sample.grpc]
    assert run(*argv, stdin='{"inputs": [1, 2]}').stdout == "1.5\n"


FILES = {
    "[": "Expecting value",
    "1": 'it must be {"instances": [row, ...]}',
    '{"inputs": 1, "instances": []}': 'it must be {"instances": [row, ...]}',
    '{"inputs": 1, "inputs": 2}': "a name appears twice",
    '{"inputs": [1e400]}': "1e400 fits in no double",
    '{"inputs": 1, "signature_name": 5}': "its signature_name is 5, and must be a text",
    '{"instances": {"x": 1}}': "'instances' must be a list of rows",
    '{"inputs": 1, "outputs": 2}': "'outputs' is not one of instances, inputs, signature_name",
    '{"inputs": 1, "signature_name": "a"}': "its signature_name is 'a', and --signature is 'serving_default'",
    '[{"pair": [1, 2]}]': "the signature has the inputs n, pair; 'n' does not match",
    '[{"pair": [1, 2], "n": 1}, {"pair": [1, 2]}]': "row 1 does not have the names of row 0: n, pair",
    "[1, 2]": "each row must name the inputs n, pair",
    '[{"pair": [1, 2], "n": 1.5}]': "n: 1.5 is not a int64, or not exactly",
}


@pytest.mark.parametrize("body", FILES)
def test_a_file_that_does_not_fit_is_one_line_and_exit_code_2(ask, body):
    assert FILES[body] in failure(ask("grpc", body, "--signature", "serving_default"), 2)


def test_a_name_that_is_not_utf_8_is_an_error_of_the_command(ask, run):
    for option in "--model-name", "--signature":
        assert "must be printable text in UTF-8" in ask("grpc", ROWS, option, "\udcff").stderr
    result = run("client", "--metadata", "--model-name", "\udcff")
    assert (result.returncode, "must be printable text in UTF-8" in result.stderr) == (2, True)


@pytest.mark.parametrize("content", [None, b"\xff\xff"])
def test_signatures_that_cannot_be_read_are_one_line_and_exit_code_3(run, content):
    answer = get_model_metadata_pb2.GetModelMetadataResponse()
    if content:
        answer.metadata["signature_def"].Pack(get_model_metadata_pb2.SignatureDefMap())
        answer.metadata["signature_def"].value = content
    reply = grpc.unary_unary_rpc_method_handler(lambda request, context: answer.SerializeToString())
    service = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"GetModelMetadata": reply})
    with ThreadPoolExecutor() as pool:
        server = grpc.server(pool, [service])
        target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        try:
            assert "signature" in failure(run("client", "--metadata", "--target", target), 3)
            assert "signatures" in failure(run("client", "--inputs=-", "--target", target, stdin="[1]"), 3)
        finally:
            server.stop(0).wait()


@BOTH
def test_an_unknown_signature_or_model_is_one_line_and_exit_code_3(ask, protocol):
    assert "none" in failure(ask(protocol, ROWS, "--signature", "none"), 3)
    assert "NOT_FOUND" in failure(ask(protocol, ROWS, "--model-name", "nobody"), 3)


@BOTH
def test_a_server_that_does_not_answer_is_one_line_and_exit_code_3(run, protocol, free_port):
    target = ["--format", protocol, "--target", f"127.0.0.1:{free_port()}", "--timeout", "1"]
    said = failure(run("client", "--inputs", "-", *target, stdin="[1]"), 3)
    assert said.startswith(("error: UNAVAILABLE: ", "error: DEADLINE_EXCEEDED: "))
