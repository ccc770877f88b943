# /// script
# requires-python = ">=3.11"
# dependencies = ["mlserver==1.7.1", "onnxruntime==1.32.0"]
# ///
"""Iris behind MLServer: `python with_mlserver.py PORT` serves `POST /v2/models/iris/infer`.

`parallel_workers=0` predicts in the process that answers, which its guide recommends for a single cheap model.
Metrics are on, as by default; `debug` and the log of requests are off.
"""

import asyncio
import os
import socket
import sys

import onnxruntime
from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Iris(MLModel):
    async def load(self) -> bool:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.run = onnxruntime.InferenceSession(os.environ["MODEL"], options).run
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        rows = NumpyCodec.decode_input(payload.inputs[0])
        answer = self.run(["probabilities"], {"float_input": rows})[0]
        output = NumpyCodec.encode_output("probabilities", answer)
        return InferenceResponse(model_name=self.name, outputs=[output])


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


async def main(port: int) -> None:
    ports = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port()}
    logs = {"version": 1, "disable_existing_loggers": False, "root": {"level": "WARNING"}}
    logs |= {"loggers": {name: {"level": "WARNING"} for name in ("mlserver", "uvicorn", "uvicorn.access")}}
    settings = Settings(host="127.0.0.1", debug=False, parallel_workers=0, logging_settings=logs, **ports)
    await MLServer(settings).start([ModelSettings(name="iris", implementation=Iris)])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
