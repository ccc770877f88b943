"""A copy of each folder works without each of its optional parts, and without all of them."""

import os
import subprocess
import sys

import pytest

from local.lift.parts import COPYABLE, copy_without, optional_folders

pytestmark = pytest.mark.timeout(600)

WITHOUT = [(folder, (part,)) for folder in COPYABLE for part in optional_folders(folder)]
WITHOUT += [(folder, tuple(optional_folders(folder))) for folder in COPYABLE]
IDS = [f"{folder}-without-{'-'.join(parts)}" for folder, parts in WITHOUT]
MODELS = {"web_single": "iris", "batch": "iris", "synchronous": "digits", "serving": "digits", "asynchronous": "digits"}


@pytest.mark.parametrize(("folder", "parts"), WITHOUT, ids=IDS)
def test_a_copy_without_optional_parts_passes_its_own_tests(folder, parts, tmp_path, artifacts, request):
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    env["MODEL_DIR"] = str(artifacts / MODELS[folder])
    if folder in ("synchronous", "asynchronous"):
        serving = request.getfixturevalue("serving")
        env |= {"SERVING_GRPC": serving.grpc, "SERVING_REST": serving.rest}
    if folder == "asynchronous":
        env["REDIS_URL"] = request.getfixturevalue("redis_url")
    copy = copy_without(folder, parts, tmp_path)
    argv = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(copy / "tests")]
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
