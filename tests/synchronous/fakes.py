"""A small fake server, over gRPC or REST, whose answers a test determines.

python -m tests.synchronous.fakes grpc|rest PORT    answers an image, a path, once PATH.release exists
"""

import base64
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import grpc

from local.processes import wait_until
from synchronous.client import ServingError
from synchronous.messages import bytes_tensor, predict_pb2

Answer = Callable[[list[bytes]], list[str]]  # images to labels, or a ServingError


@contextmanager
def serving(protocol: str, answer: Answer, port: int = 0) -> Iterator[str]:
    """Yield the address of a server that answers each Predict with `answer(images)`."""
    with (_grpc if protocol == "grpc" else _rest)(answer, port) as bound:
        yield f"127.0.0.1:{bound}"


@contextmanager
def _grpc(answer: Answer, port: int) -> Iterator[int]:
    def predict(request, context):
        try:
            labels = answer(list(request.inputs["image"].string_val))
        except ServingError as error:
            context.abort(grpc.StatusCode[error.code], "on purpose")
        response = predict_pb2.PredictResponse(outputs={"label": bytes_tensor(label.encode() for label in labels)})
        response.outputs["probability"].dtype = 1
        response.outputs["probability"].float_val.extend([0.5] * len(labels))
        response.outputs["probability"].tensor_shape.dim.add(size=len(labels))
        return response

    request, response = predict_pb2.PredictRequest, predict_pb2.PredictResponse
    with _calling(predict, port, request.FromString, response.SerializeToString) as bound:
        yield bound


@contextmanager
def _calling(predict: Callable, port: int, *wire_forms: Callable) -> Iterator[int]:
    method = grpc.unary_unary_rpc_method_handler(predict, *wire_forms)
    service = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": method})
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, [service])
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        yield bound
        server.stop(0).wait()


def requests_to(call: Callable[[str], object]) -> list[bytes]:
    """Return the bytes that `call(address)` sends to Predict over gRPC; it gets an empty answer."""
    received = []
    with _calling(lambda request, context: received.append(request) or b"", 0) as port, suppress(ServingError):
        call(f"127.0.0.1:{port}")
    return received


@contextmanager
def _rest(answer: Answer, port: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            try:
                labels = answer([base64.b64decode(row["b64"]) for row in rows])
                self.reply(200, {"predictions": [{"label": label, "probability": 0.5} for label in labels]})
            except ServingError as error:
                self.reply({"UNAVAILABLE": 503, "INVALID_ARGUMENT": 400}[error.code], {"error": "on purpose"})

        def reply(self, status, content):
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request, client_address):
            pass  # the client has stopped waiting

    with Server(("127.0.0.1", port), Handler) as server:
        Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield server.server_port
        server.shutdown()


def when_released(images: list[bytes]) -> list[str]:
    """Write FILE.started when the call arrives, and answer once FILE.release exists."""
    file = images[0].decode()
    Path(f"{file}.started").touch()
    wait_until(Path(f"{file}.release").exists, 30)
    return ["released"] * len(images)


if __name__ == "__main__":
    with serving(sys.argv[1], when_released, int(sys.argv[2])):
        Event().wait()
