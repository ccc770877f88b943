"""A small gRPC server that replaces TensorFlow Serving and follows the orders at the end of the images.

An order is `#!name=value`: `slow=2` (seconds), `hold` (while a file exists), `refuse`, `blame=2` (refuse it twice),
`internal`, `die` (this server), `kill` (the calling process), `nan` (for a probability). The label of any other image
is the beginning of its sha256. The labels of each call are written to a file, one line for each call.
"""

import argparse
import hashlib
import json
import math
import os
import re
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

from asynchronous.messages import bytes_tensor, predict_pb2, prediction_service_pb2_grpc


def label_of(image: bytes) -> str:
    return hashlib.sha256(image).hexdigest()[:16]


def order(image: bytes) -> tuple[str, str]:
    found = re.search(rb"#!([a-z]+)=?([0-9.]*)$", image)
    return (found[1].decode(), found[2].decode()) if found else ("", "")


def process_at(port: int, server: int) -> int:
    """Return the id of the process that is connected from `port` to port `server` on 127.0.0.1.

    A connection to another server may have the same `port`, in a process that must not be killed.
    """
    tables = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    rows = map(str.split, tables.splitlines())
    ends = f":{port:04X}", f":{server:04X}"
    sockets = {f"socket:[{row[9]}]" for row in rows if (row[1][-5:], row[2][-5:]) == ends}
    for link in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(link) in sockets:
                return int(link.parts[2])
        except OSError:
            continue
    raise LookupError(port)


class FakeModel(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, port: int, seen: Path, away: Path, held: Path) -> None:
        self.port, self.seen, self.away, self.held, self.blamed = port, seen, away, held, Counter()

    def Predict(self, request, context):  # noqa: N802  the protocol's name
        images = list(request.inputs["image"].string_val)
        labels = [label_of(image) for image in images]
        with self.seen.open("a") as file:
            file.write(json.dumps(labels) + "\n")
        if self.away.exists():
            context.abort(grpc.StatusCode.UNAVAILABLE, "not serving")
        for name, value in map(order, images):
            match name:
                case "slow":
                    time.sleep(float(value))
                case "hold":
                    self.wait_while_held()
                case "refuse":
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "cannot decode the image")
                case "blame" if labels == labels[:1] and self.blamed[labels[0]] < int(value):
                    self.blamed[labels[0]] += 1
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a neighbour cannot be decoded")
                case "internal":
                    context.abort(grpc.StatusCode.INTERNAL, "something broke")
                case "die":
                    os._exit(9)
                case "kill":
                    caller = int(context.peer().rpartition(":")[2])
                    os.kill(process_at(caller, self.port), signal.SIGKILL)
        return answer(images, labels)

    def wait_while_held(self):
        while self.held.exists():
            time.sleep(0.02)


def answer(images, labels):
    response = predict_pb2.PredictResponse()
    response.outputs["label"].CopyFrom(bytes_tensor(label.encode() for label in labels))
    probability = response.outputs["probability"]
    probability.dtype = 1  # DT_FLOAT
    probability.tensor_shape.dim.add(size=len(images))
    probability.float_val.extend(math.nan if order(image)[0] == "nan" else 0.75 for image in images)
    return response


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("seen", type=Path)
    parser.add_argument("away", type=Path)
    parser.add_argument("held", type=Path)
    arguments = parser.parse_args()
    options = [("grpc.max_receive_message_length", -1), ("grpc.so_reuseport", 0)]
    server = grpc.server(ThreadPoolExecutor(16), options=options)
    model = FakeModel(arguments.port, arguments.seen, arguments.away, arguments.held)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(model, server)
    server.add_insecure_port(f"127.0.0.1:{arguments.port}")
    server.start()
    server.wait_for_termination()
