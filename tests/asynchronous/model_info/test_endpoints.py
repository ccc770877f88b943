"""What the proxy tells about the model."""

import os
import subprocess
import sys

from local.stack import PROXY


def test_facts_about_the_model_come_from_its_manifest(api):
    assert api.get("/label").json() == {"labels": list("0123456789")}
    metadata = api.get("/metadata").json()
    assert (metadata["name"], metadata["version"]) == ("digits", 1)
    assert [output["name"] for output in metadata["outputs"]] == ["label", "probability", "labels", "probabilities"]


def test_a_missing_model_ends_the_proxy_with_one_line():
    argv = [sys.executable, "-m", *PROXY, "--port", "0"]
    env = os.environ | {"MODEL_DIR": "/nowhere"}
    ended = subprocess.run(argv, env=env, check=False, capture_output=True, text=True)
    assert ended.returncode != 0
    assert ended.stderr == "MODEL_DIR: /nowhere holds no model version; build one with `make models`\n"
