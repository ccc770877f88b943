"""The test that travels with a copy of this folder: `python -m pytest synchronous/tests`.

It asks a server of the digits model, at SERVING_GRPC and SERVING_REST or on this machine's ports 8500 and 8501.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ..client import TRANSPORTS, ServingError, connect

PACKAGE = Path(__file__).parents[1]
FILE = Path(__file__).with_name("seven.png")
IMAGE = FILE.read_bytes()


@pytest.fixture(params=TRANSPORTS)
def client(request):
    with connect(request.param) as client:
        yield client


def test_an_image_gets_its_label(client):
    [answer] = client.predict([IMAGE], timeout=30)
    assert answer.label == "7"
    assert 0.5 < answer.probability <= 1


def test_a_file_that_is_not_an_image_gets_an_error_and_the_others_their_labels(client):
    first, bad, last = client.predict([IMAGE, b"not an image", IMAGE], timeout=30)
    assert (first.label, bad.code, last.label) == ("7", "INVALID_ARGUMENT", "7")


def test_a_server_that_does_not_exist_is_unavailable_within_the_budget():
    with connect("grpc", "127.0.0.1:1") as client, pytest.raises(ServingError, match="UNAVAILABLE"):
        client.predict([IMAGE], timeout=3)


def test_the_command_prints_a_line_of_json_for_each_file():
    argv = [sys.executable, "-m", f"{PACKAGE.name}.client", FILE, FILE]
    done = subprocess.run(argv, cwd=PACKAGE.parent, check=True, capture_output=True, text=True)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(answer["file"], answer["label"]) for answer in answers] == [(str(FILE), "7")] * 2
