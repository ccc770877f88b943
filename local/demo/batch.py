"""The demo's requests to batch: rows in, one run of the job, predictions out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import httpx

from ..processes import ROOT
from ..stack import ARTIFACTS, Stack
from . import samples
from .steps import DemoFailed, Step, expect


def steps(stack: Stack) -> Iterator[Step]:
    """Rows are added, a run predicts all of them, a second run finds nothing to do."""
    client = httpx.Client(base_url=f"http://127.0.0.1:{stack.settings.batch_port}")
    environment = os.environ | stack.environment | {"MODEL_DIR": str(ARTIFACTS / "iris")}

    def run(module: str, *flags: str) -> str:
        argv = [sys.executable, "-m", module, *flags]
        done = subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DemoFailed(f"{module} ended with exit code {done.returncode}: {done.stderr.strip()[-300:]}")
        return done.stdout

    def seed() -> str:
        return run("batch.seed", "--rows", "10000").partition(" to ")[0].strip()

    def add() -> str:
        expect(client.post("/data", json={"data": samples.iris_rows(3)}), 201)
        return "201 3 rows stored"

    def predict() -> str:
        summary = json.loads(run("batch.job", "--json").splitlines()[-1])
        return f"{summary['done']} done, {summary['failed']} failed"

    def read() -> str:
        items = expect(client.get("/data/predicted", params={"limit": 3}), 200).json()["items"]
        return ", ".join(item["label"] for item in items)

    yield Step("POST /data, 3 rows", add)
    yield Step("python -m batch.seed --rows 10000", seed)
    yield Step("python -m batch.job", predict)
    yield Step("GET /data/predicted?limit=3", read)
    yield Step("python -m batch.job, again", predict)
