import json
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from synchronous.client import ServingError
from tests.synchronous.fakes import serving

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture
def run(preloaded):
    return lambda *arguments: preloaded.run([sys.executable, "-m", "synchronous.client", *arguments])


def started(*arguments, **pipes):
    """Start the client as `run` does, but do not wait for its end."""
    argv = [sys.executable, "-m", "synchronous.client", *map(str, arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **pipes}
    return subprocess.Popen(argv, text=True, **pipes)


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def echo(images):
    """Answer each image with its own content, and refuse a request that holds a bad one."""
    if b"bad" in images:
        raise ServingError("INVALID_ARGUMENT", "on purpose")
    return [image.decode() for image in images]


@pytest.fixture
def numbered(tmp_path):
    """Ten files, 0 to 9, each with its name as content."""
    for number in range(10):
        (tmp_path / str(number)).write_text(str(number))
    return [tmp_path / str(number) for number in range(10)]


@pytest.fixture
def files(tmp_path, digit_images):
    """Three images of digits, one of them JPEG, and a file that is not an image, in this order."""
    images = [image.data for image in digit_images[:3]] + [b"not an image"]
    for name, data in zip("abcd", images, strict=True):
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in "abcd"]


def failure(result, code):
    """Return the one line on stderr of a command that failed with `code`."""
    assert result.returncode == code
    [line] = result.stderr.splitlines()
    return line


@BOTH
def test_each_image_gets_a_line_of_json(protocol, digits, files, digit_images, run):
    options = [word for file in files[:3] for word in ("--image-file", file)]
    result = run("--format", protocol, "--target", getattr(digits, protocol), *options, "--timeout", 120)
    assert (result.returncode, result.stderr) == (0, "")
    assert [(line["file"], line["label"]) for line in lines(result)] == [
        (str(file), image.label) for file, image in zip(files, digit_images[:3], strict=False)
    ]
    assert all(0.5 < line["probability"] <= 1 for line in lines(result))


def test_files_that_cannot_be_read_or_decoded_do_not_affect_the_others(digits, files, tmp_path, run):
    (tmp_path / "empty").touch()
    result = run("--target", digits.grpc, "--timeout", 120, tmp_path / "none", files[3], files[0], tmp_path / "empty")
    missing, bad, good, empty = lines(result)
    assert result.returncode == 1
    assert (missing["error"], empty["error"]) == ("No such file or directory", "the file is empty")
    assert (bad["error"].split(":")[0], "label" in good) == ("INVALID_ARGUMENT", True)
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == [
        str(file) for file in (tmp_path / "none", files[3], tmp_path / "empty")
    ]


@BOTH
def test_metadata_is_json(protocol, digits, run):
    result = run("--format", protocol, "--target", getattr(digits, protocol), "--metadata")
    assert json.loads(result.stdout)["model_spec"]["name"] == "digits"


@BOTH
def test_an_unreachable_server_is_one_line_and_exit_code_3(protocol, files, free_port, run):
    target = f"127.0.0.1:{free_port()}"
    result = run("--format", protocol, "--target", target, "--timeout", 6, *files)
    assert failure(result, 3).startswith("error: UNAVAILABLE: ")
    assert result.stdout == ""


def test_an_unknown_model_is_one_line_and_exit_code_3(digits, files, run):
    result = run("--target", digits.grpc, "--model-name", "nobody", files[0])
    assert failure(result, 3) == "error: NOT_FOUND: Servable not found for request: Latest(nobody)"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "nothing to do: give files, --stream or --metadata"),
        (["--target", "127.0.0.1:http", "a.png"], "is not a valid address"),
        (["--format", "carrier-pigeon", "a.png"], "grpc"),
        (["--batch-size", "0", "a.png"], "--batch-size and --concurrency must be at least 1"),
        (["--timeout", "nan", "a.png"], "--timeout must be above 0 and at most 3600 seconds"),
    ],
)
def test_a_wrong_command_is_exit_code_2(arguments, reason, run):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr
    assert "Traceback" not in result.stderr


@BOTH
def test_many_files_are_sent_in_concurrent_batches_and_answered_in_order(protocol, numbered, run):
    batches, second = [], threading.Event()

    def first_one_last(images):
        batches.append(images)
        if images[0] == b"0":
            assert second.wait(60)
        second.set()
        return echo(images)

    with serving(protocol, first_one_last) as target:
        result = run(
            "--format", protocol, "--target", target, "--batch-size", 3, "--concurrency", 2, "--timeout", 120, *numbered
        )
    assert [line["label"] for line in lines(result)] == list("0123456789")
    assert sorted(map(len, batches)) == [1, 3, 3, 3]


def test_a_stdin_that_cannot_be_read_is_one_line_and_exit_code_2():
    end, other_end = os.pipe()
    os.set_blocking(end, False)
    with started("--stream", stdin=end) as process:
        _, text = process.communicate(timeout=200)
    os.close(end), os.close(other_end)
    assert (process.returncode, text) == (2, "error: stdin or stdout: Resource temporarily unavailable\n")


@pytest.mark.parametrize(("closed", "code", "said"), [("2>&-", 1, '"label": "0"'), (">&-", 2, "must be open")])
def test_a_closed_stderr_is_accepted_and_a_closed_stdout_is_an_error(closed, code, said, numbered, tmp_path):
    with serving("grpc", echo) as target:
        argv = [sys.executable, "-m", "synchronous.client", "--target", target, numbered[0], tmp_path / "none"]
        command = f"{' '.join(map(str, argv))} {closed}"
        result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=200, check=False)
    assert (result.returncode, said in result.stdout + result.stderr) == (code, True)
    assert all(json.loads(line) for line in result.stdout.splitlines())


def test_a_batch_without_an_answer_ends_the_command_after_the_answers_before_it(numbered, run):
    def until_the_third(images):
        if images == [b"2"]:
            raise ServingError("INTERNAL", "on purpose")
        return echo(images)

    with serving("grpc", until_the_third) as target:
        result = run("--target", target, "--batch-size", 1, *numbered)
    assert failure(result, 3) == "error: INTERNAL: on purpose"
    assert [line["label"] for line in lines(result)] == ["0", "1"]


def test_paths_on_stdin_are_answered_as_they_arrive(numbered):
    with serving("grpc", echo) as target, started("--target", target, "--stream") as process:
        for file in numbered[:2]:
            print(file, file=process.stdin, flush=True)
            assert json.loads(process.stdout.readline()) == {"file": str(file), "label": file.name, "probability": 0.5}
        process.stdin.write(str(numbered[2]))
        rest, errors = process.communicate(timeout=200)
    assert (json.loads(rest)["label"], errors, process.returncode) == ("2", "", 0)


@contextmanager
def in_mid_call(protocol, *arguments, python=()):
    """Start the client, and yield its process while the server holds its call."""
    called, hanging = threading.Event(), threading.Event()
    with serving(protocol, lambda images: called.set() or (hanging.wait(200) and [])) as target:
        argv = [sys.executable, *python, "-m", "synchronous.client", "--format", protocol, "--target", target]
        argv += ["--timeout", "200", *map(str, arguments)]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert called.wait(200)
            yield process
            hanging.set()


@BOTH
def test_an_interrupt_ends_the_command_at_once_without_output(protocol, numbered):
    with in_mid_call(protocol, *numbered, "--batch-size", 1) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=200) == ("", "")
        assert process.returncode == -signal.SIGINT


def test_a_closed_pipe_on_stdout_ends_the_command_without_output(numbered):
    with serving("grpc", echo) as target, started("--target", target, "--stream") as process:
        print(numbered[0], file=process.stdin, flush=True)
        process.stdout.readline()
        process.stdout.close()
        print(numbered[1], file=process.stdin, flush=True)
        assert process.wait(200) == -signal.SIGPIPE
        assert process.stderr.read() == ""


def test_a_call_over_grpc_takes_less_than_60_megabytes_and_imports_only_what_it_needs(numbered):
    with in_mid_call("grpc", numbered[0], python=["-X", "importtime"]) as process:
        [peak] = [line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if "VmHWM" in line]
        process.kill()
        imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in process.stderr}
    assert int(peak.split()[1]) * 1024 < 60e6
    assert "grpc" in imported
    assert imported.isdisjoint({"httpx", "rich", "pydantic", "keras", "starlette"})


def shown_on(terminal):
    """Return all that is written to a terminal until the last process closes it."""
    parts = []
    with suppress(OSError):
        while part := os.read(terminal, 4096):
            parts.append(part)
    return b"".join(parts)


def test_a_terminal_on_stderr_gets_a_progress_bar_and_stdout_only_the_answers(numbered):
    ours, terminal = os.openpty()
    with serving("grpc", echo) as target, ThreadPoolExecutor() as pool:
        process = started("--target", target, "--batch-size", 3, *numbered, stderr=terminal)
        os.close(terminal)
        shown = pool.submit(shown_on, ours)
        answers, _ = process.communicate(timeout=200)
        assert b"10/10" in shown.result(60)
    assert [json.loads(line)["label"] for line in answers.splitlines()] == list("0123456789")


@BOTH
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("INVALID_ARGUMENT", "Malformed request: POST /ml/v1/models/digits:predict"),
        ("INVALID_ARGUMENT", "input tensor alias not found in signature: image. Inputs expected to be in the set {x}."),
        ("INVALID_ARGUMENT", "input size does not match signature: 1!=2 len({image}) != len({a,b})."),
        ("INVALID_ARGUMENT", "Expects arg[0] to be float but string is provided"),
        ("INVALID_ARGUMENT", "JSON Value: {} Type: Object is not of expected type: float"),
        ("NOT_FOUND", "Servable not found for request: Latest(digits)"),
    ],
)
def test_a_wrong_address_model_or_signature_is_one_request_and_one_line_and_no_image_is_blamed(
    protocol, code, message, numbered, run
):
    asked = []

    def refuse(images):
        asked.append(images)
        raise ServingError(code, message)

    with serving(protocol, refuse) as target:
        result = run("--format", protocol, "--target", target, *numbered)
    assert message in failure(result, 3)
    assert (len(asked), result.stdout) == (1, "")


def test_grpc_to_a_rest_port_and_rest_to_a_grpc_port_end_in_one_line(digits, numbered, run):
    line = failure(run("--target", digits.rest.removeprefix("http://"), *numbered), 3)
    assert "FAILED_PRECONDITION: the server does not speak gRPC" in line
    assert "FAILED_PRECONDITION: " in failure(run("--format", "rest", "--target", digits.grpc, *numbered), 3)
