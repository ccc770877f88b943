"""The README: its commands and its Python are run."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from local.processes import ROOT

README = (ROOT / "synchronous" / "README.md").read_text()


def lines(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def commands_shown():
    """Return each client command in the README with the lines that it shows."""
    blocks = [block.splitlines() for block in README.split("    $ ")[1:]]
    shown = [(block[0], [json.loads(line) for line in block[1:] if line.startswith("    {")]) for block in blocks]
    return [pytest.param(*pair, id=pair[0]) for pair in shown if "synchronous.client" in pair[0]]


def test_the_python_in_the_readme_runs(digits, digit_images):
    indented = README[README.index("    from synchronous.client") : README.index("\n## Read in")]
    names = {"png": digit_images[0].data, "jpeg": digit_images[1].data}
    exec(textwrap.dedent(indented).replace("127.0.0.1:8500", digits.grpc), names)
    assert [answer.label for answer in names["answers"]] == [image.label for image in digit_images[:2]]


@pytest.mark.parametrize(("command", "expected"), commands_shown())
def test_the_commands_in_the_readme_print_what_it_shows(command, expected, digits, digit_images, tmp_path):
    for name in ("seven.png", "six.jpeg"):
        label = {"seven": "7", "six": "6"}[name.split(".")[0]]
        kind = name.split(".")[1]
        [data, *_] = [i.data for i in digit_images if i.label == label and i.name.endswith(kind)]
        (tmp_path / name).write_bytes(data)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SERVING_GRPC": digits.grpc, "SERVING_REST": digits.rest}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    result = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert sorted((line["file"], line["label"]) for line in lines(result)) == sorted(
        (line["file"], line["label"]) for line in expected
    )


def test_verify_prints_what_the_readme_shows(digits):
    env = {**os.environ, "SERVING_GRPC": digits.grpc, "SERVING_REST": digits.rest}
    [command, shown] = README[README.index("synchronous.cli verify") :].splitlines()[:2]
    argv = [sys.executable, "-m", *command.split()]
    result = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == shown.strip()
