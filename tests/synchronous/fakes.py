"""A small fake server, over gRPC or REST, whose answers a test determines.

python -m tests.synchronous.fakes grpc|rest PORT    answers an image, a path, once PATH.release exists
"""

import base64
import json
import socket
import ssl
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
from tests.certificates import Pair

metadata: list[dict[str, str]] = []  # of every call since a test emptied the list
Answer = Callable[[list[bytes]], list[str]]  # images to labels, or a ServingError


@contextmanager
def serving(
    protocol: str,
    answer: Answer,
    port: int = 0,
    host: str = "127.0.0.1",
    pair: Pair | None = None,
    clients: Path | None = None,
) -> Iterator[str]:
    """Yield the address of a server that answers each Predict with `answer(images)`.

    With a `pair` it speaks TLS. With `clients`, an authority's certificate, its clients need one too (REST only).
    """
    with _grpc(answer, port, host, pair) if protocol == "grpc" else _rest(answer, port, host, pair, clients) as bound:
        yield f"{host}:{bound}"


@contextmanager
def _grpc(answer: Answer, port: int, host: str, pair: Pair | None) -> Iterator[int]:
    def predict(request, context):
        metadata.append(dict(context.invocation_metadata()))
        try:
            labels = answer(list(request.inputs["image"].string_val))
        except ServingError as error:
            context.abort(grpc.StatusCode[error.code], str(error).partition(": ")[2])
        response = predict_pb2.PredictResponse(outputs={"label": bytes_tensor(label.encode() for label in labels)})
        response.outputs["probability"].dtype = 1
        response.outputs["probability"].float_val.extend([0.5] * len(labels))
        response.outputs["probability"].tensor_shape.dim.add(size=len(labels))
        return response

    request, response = predict_pb2.PredictRequest, predict_pb2.PredictResponse
    with _calling(predict, port, request.FromString, response.SerializeToString, host=host, pair=pair) as bound:
        yield bound


@contextmanager
def _calling(
    predict: Callable, port: int, *forms: Callable, host: str = "127.0.0.1", pair: Pair | None = None
) -> Iterator[int]:
    method = grpc.unary_unary_rpc_method_handler(predict, *forms)
    service = grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", {"Predict": method})
    with ThreadPoolExecutor(8) as pool:
        server = grpc.server(pool, [service], options=[("grpc.so_reuseport", 0)])
        if pair:
            keys = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())])
            bound = server.add_secure_port(f"{host}:{port}", keys)
        else:
            bound = server.add_insecure_port(f"{host}:{port}")
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
def _rest(answer: Answer, port: int, host: str, pair: Pair | None, clients: Path | None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self):
            metadata.append({name.lower(): value for name, value in self.headers.items()})
            rows = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["instances"]
            try:
                labels = answer([base64.b64decode(row["b64"]) for row in rows])
                self.reply(200, {"predictions": [{"label": label, "probability": 0.5} for label in labels]})
            except ServingError as error:
                status = {"UNAVAILABLE": 503, "INVALID_ARGUMENT": 400, "NOT_FOUND": 404}[error.code]
                self.reply(status, {"error": str(error).partition(": ")[2]})

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
        connections: list[socket.socket] = []  # noqa: RUF012 the class is made anew for each server

        def get_request(self):
            connection, address = super().get_request()
            self.connections.append(connection)
            return connection, address

        def handle_error(self, request, client_address):
            pass  # the client has stopped waiting

    with Server((host, port), Handler) as server:
        if pair:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(pair.certificate, pair.key)
            if clients:
                context.load_verify_locations(clients)
                context.verify_mode = ssl.CERT_REQUIRED
            server.socket = context.wrap_socket(server.socket, server_side=True)
        Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield server.server_port
        server.shutdown()
        for connection in server.connections:
            with suppress(OSError):  # closed by the client
                connection.shutdown(socket.SHUT_RDWR)


def when_released(images: list[bytes]) -> list[str]:
    """Write FILE.started when the call arrives, and answer once FILE.release exists."""
    file = images[0].decode()
    Path(f"{file}.started").touch()
    wait_until(Path(f"{file}.release").exists, 200)
    return ["released"] * len(images)


if __name__ == "__main__":
    with serving(sys.argv[1], when_released, int(sys.argv[2])):
        Event().wait()
