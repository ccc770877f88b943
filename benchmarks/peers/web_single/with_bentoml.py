# /// script
# requires-python = ">=3.11"
# dependencies = ["bentoml==1.4.40", "onnxruntime==1.32.0"]
# ///
"""Iris behind BentoML: `python with_bentoml.py PORT` serves `POST /predict`.

`async def` keeps a request in the event loop instead of a thread. Metrics are on, as by default; the access log is off.
"""

import os
import sys
from typing import Annotated

import bentoml
import numpy as np
import onnxruntime
from bentoml.validators import DType

Rows = Annotated[np.ndarray, DType("float32")]


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Iris:
    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["MODEL"], options).run

    @bentoml.api
    async def predict(self, data: Rows) -> np.ndarray:
        return self.run(["probabilities"], {"float_input": data})[0]


if __name__ == "__main__":
    os.environ |= {"BENTOML_DO_NOT_TRACK": "True"}
    argv = ["bentoml", "serve", "with_bentoml:Iris", "--host", "127.0.0.1", "--port", sys.argv[1], "--quiet"]
    os.execv(sys.executable, [sys.executable, "-m", *argv])  # noqa: S606
