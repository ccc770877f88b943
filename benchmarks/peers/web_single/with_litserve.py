# /// script
# requires-python = ">=3.11"
# dependencies = ["litserve==0.2.19", "onnxruntime==1.32.0", "pyzmq==27.3.0"]
# ///
"""Iris behind LitServe: `python with_litserve.py PORT` serves `POST /predict`.

`fast_queue` is its setting for more than 100 requests per second. One API server, one inference worker.
"""

import os
import sys
from typing import Any

import litserve
import numpy as np
import onnxruntime


class Iris(litserve.LitAPI):
    def setup(self, device: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["MODEL"], options).run

    def decode_request(self, request: dict[str, Any]) -> np.ndarray:
        return np.array(request["data"], np.float32)

    def predict(self, rows: np.ndarray) -> np.ndarray:
        return self.run(["probabilities"], {"float_input": rows})[0]

    def encode_response(self, answer: np.ndarray) -> dict[str, Any]:
        return {"prediction": answer.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Iris(), accelerator="cpu", workers_per_device=1, fast_queue=True)
    quiet = {"log_level": "warning", "access_log": False, "generate_client_file": False}
    server.run(host="127.0.0.1", port=int(sys.argv[1]), num_api_servers=1, **quiet)
