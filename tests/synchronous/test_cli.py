import json
import subprocess
import sys

import pytest

BOTH = pytest.mark.parametrize("protocol", ["grpc", "rest"])


def run(*arguments):
    argv = [sys.executable, "-m", "synchronous.client", *map(str, arguments)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)


@pytest.fixture
def files(tmp_path, digit_images):
    """Three images of digits, one of them JPEG, and a file that is no image, in this order."""
    images = [image.data for image in digit_images[:3]] + [b"not an image"]
    for name, data in zip("abcd", images, strict=True):
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in "abcd"]


def failure(result):
    """Return the one line on stderr of a command that failed."""
    assert result.returncode != 0
    [line] = result.stderr.splitlines()
    return line


@BOTH
def test_each_image_gets_its_line_of_json(protocol, digits, files, digit_images):
    options = [word for file in files[:3] for word in ("--image-file", file)]
    result = run("--format", protocol, "--target", getattr(digits, protocol), *options, "--timeout", 30)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.returncode, result.stderr) == (0, "")
    assert [(line["file"], line["label"]) for line in lines] == [
        (str(file), image.label) for file, image in zip(files, digit_images[:3], strict=False)
    ]
    assert all(0.5 < line["probability"] <= 1 for line in lines)


def test_a_file_that_is_no_image_is_named_and_the_others_are_answered(digits, files):
    result = run("--target", digits.grpc, "--image-file", files[3], "--image-file", files[0], "--timeout", 30)
    bad, good = (json.loads(line) for line in result.stdout.splitlines())
    assert failure(result).startswith(f"error: {files[3]}: INVALID_ARGUMENT")
    assert bad["error"].startswith("INVALID_ARGUMENT")
    assert good["label"]


@BOTH
def test_metadata_is_json(protocol, digits):
    result = run("--format", protocol, "--target", getattr(digits, protocol), "--metadata")
    assert json.loads(result.stdout)["model_spec"]["name"] == "digits"


@BOTH
def test_an_unreachable_server_is_one_line(protocol, files, free_port):
    target = f"127.0.0.1:{free_port()}"
    result = run("--format", protocol, "--target", target, "--timeout", 0.5, "--image-file", files[0])
    assert failure(result).startswith("error: UNAVAILABLE: ")
    assert result.stdout == ""


def test_an_unknown_model_is_one_line(digits, files):
    result = run("--target", digits.grpc, "--model-name", "nobody", "--image-file", files[0])
    assert failure(result) == "error: NOT_FOUND: Servable not found for request: Latest(nobody)"


def test_a_missing_file_and_an_empty_one_are_one_line_each(tmp_path, files):
    (tmp_path / "empty.png").touch()
    assert "No such file" in failure(run("--image-file", tmp_path / "missing.png"))
    assert failure(run("--image-file", files[0], "--image-file", tmp_path / "empty.png")).endswith("empty.png is empty")


def test_nothing_to_do_and_a_bad_target_are_one_line_each(files):
    assert failure(run()) == "error: nothing to do: give --image-file or --metadata"
    assert "Port" in failure(run("--target", "127.0.0.1:http", "--image-file", files[0]))


def test_an_unknown_format_is_an_error():
    assert "grpc" in run("--format", "carrier-pigeon", "--metadata").stderr
