"""verify: a server's answers compared with the golden answers of its model."""

import hashlib
import json
import shutil

import pytest

from synchronous.signatures.golden import Differs, compare


@pytest.fixture
def model(artifacts, tmp_path):
    """A copy of the digits' manifest and golden answers, and a function that changes these."""
    folder = tmp_path / "digits" / "1"
    folder.mkdir(parents=True)
    for name in ("manifest.json", "golden.json"):
        shutil.copy(artifacts / "digits" / "1" / name, folder)

    def change(act):
        golden, manifest = (json.loads((folder / name).read_text()) for name in ("golden.json", "manifest.json"))
        act(golden)
        (folder / "golden.json").write_text(json.dumps(golden))
        sha256 = hashlib.sha256((folder / "golden.json").read_bytes()).hexdigest()
        manifest["files"]["golden.json"]["sha256"] = sha256
        (folder / "manifest.json").write_text(json.dumps(manifest))

    change.folder = folder
    return change


@pytest.fixture
def verify(run, digits, model):
    return lambda *more: run("cli", "verify", *more, SERVING_GRPC=digits.grpc, SERVING_REST=digits.rest)


def failure(result, code):
    assert (result.returncode, result.stdout) == (code, "")
    [line] = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("folder", ["digits", "digits/1"])
def test_the_golden_answers_are_asked_over_both_protocols(verify, artifacts, folder):
    result = verify(artifacts / folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == "digits version 1 gives its 10 golden answers over grpc and rest\n"


def swap_two_labels(golden):
    golden["labels"][:2] = reversed(golden["labels"][:2])


def raise_a_probability(golden):
    name = next(name for name, rows in golden["outputs"].items() if isinstance(rows[2], list | float))
    row = golden["outputs"][name]
    if isinstance(row[2], list):
        row[2][1] = 0.75
    else:
        row[2] = 0.75


@pytest.mark.parametrize("act", [swap_two_labels, raise_a_probability])
@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_a_difference_is_one_line_and_exit_code_1(verify, model, act, protocol):
    model(act)
    line = failure(verify(model.folder, "--format", protocol), 1)
    assert line.startswith(f"error: over {protocol}: golden row ")
    assert ": expected " in line
    assert "the server gives " in line


def test_a_folder_without_usable_golden_answers_is_exit_code_2(verify, model):
    (model.folder / "golden.json").write_text("{}")
    assert "its sha256 is not that of the manifest" in failure(verify(model.folder), 2)
    model(dict.clear)
    assert "KeyError('inputs')" in failure(verify(model.folder), 2)
    (model.folder / "golden.json").unlink()
    assert "golden.json: No such file or directory; package the model again" in failure(verify(model.folder), 2)


def test_a_version_that_is_not_served_and_a_server_that_is_away_are_exit_code_3(verify, run, model, free_port):
    (model.folder).rename(model.folder.with_name("2"))
    assert "Specific(digits, 2)" in failure(verify(model.folder.parent), 3)
    away = ["--format", "grpc", "--target", f"127.0.0.1:{free_port()}", "--timeout", "1"]
    assert failure(run("cli", "verify", model.folder.parent, *away), 3).startswith("error: over grpc: ")


def test_a_target_goes_with_one_protocol(verify, model):
    result = verify(model.folder, "--target", "127.0.0.1:8500")
    assert result.returncode == 2
    assert "--target goes with one --format" in result.stderr


NAN = float("nan")
EQUAL = [([1.0], [1.00005]), ([1000], [1000.05]), ([[1.0]], [1.0]), ([1.0], [[1.0]]), ([None], [NAN])]
EQUAL += [(["a"], [{"b64": "YQ=="}]), ([{"b64": "YQ=="}], ["a"]), ([3], [3]), ([True], [True]), ([], [])]
DIFFERENT = [([1.0], [1.01]), ([1.0], [NAN]), ([3], [4]), (["a"], ["b"]), ([1, 2], [1]), ([[1, 2]], [[1]])]
DIFFERENT += [([True], [1]), ([1.0], ["1.0"]), ([1.0], 1.0), ([[1.0, 2.0]], [1.0]), ([float("inf")], [1e308])]


@pytest.mark.parametrize(("expected", "got"), EQUAL)
def test_equal_answers(expected, got):
    assert compare("golden", "y", expected, got, 1e-4) is None


@pytest.mark.parametrize(("expected", "got"), DIFFERENT)
def test_different_answers(expected, got):
    with pytest.raises(Differs, match="golden "):
        compare("golden", "y", expected, got, 1e-4)
