"""The real services as the gateway's servers, and a request to each that may be sent again."""

import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

from local.demo.samples import digit_images
from local.stack import PROXY
from tests.conftest import ARTIFACTS
from tests.web_single.running import COMMAND, ROW

Send = Callable[[httpx.Client], httpx.Response]


@dataclass(frozen=True)
class Service:
    """How a service is started at an address and port, the request that callers send, and the status they expect."""

    argv: Callable[[str, int], list[str]]
    send: Send
    status: int = 200
    env: dict[str, str] = field(default_factory=dict)


def predict(client: httpx.Client) -> httpx.Response:
    return client.post("/web_single/predict", content=ROW, headers={"content-type": "application/json"})


def submit(client: httpx.Client) -> httpx.Response:
    headers = {"content-type": "image/png", "idempotency-key": uuid.uuid4().hex}
    return client.post("/asynchronous/predict", content=IMAGE, headers=headers)


def add(client: httpx.Client) -> httpx.Response:
    headers = {"content-type": "application/json", "idempotency-key": uuid.uuid4().hex}
    return client.post("/batch/data", content=ROW, headers=headers)


def uvicorn(*argv: str) -> Callable[[str, int], list[str]]:
    return lambda address, port: [sys.executable, "-m", *argv, "--host", address, "--port", str(port)]


IMAGE = next(image.data for image in digit_images(8) if image.name.endswith("png"))
IRIS, DIGITS = ({"MODEL_DIR": str(ARTIFACTS / name)} for name in ("iris", "digits"))
SERVICES = {
    "web_single": Service(
        lambda address, port: [*COMMAND, "--bind", f"{address}:{port}"], predict, 200, IRIS | {"WEB_CONCURRENCY": "1"}
    ),
    "asynchronous": Service(uvicorn(*PROXY), submit, 202, DIGITS | {"MAX_QUEUED_JOBS": "1000000"}),
    "batch": Service(uvicorn("uvicorn", "--factory", "batch.api:create_app"), add, 201, IRIS),
}
