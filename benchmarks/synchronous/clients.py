"""Clients that use little CPU: requests are serialized once, and answers are not parsed."""

import asyncio
import base64
import http.client
import json
import time
from collections.abc import Callable

import grpc

from synchronous.messages import bytes_tensor, predict_pb2

PREDICT = "/tensorflow.serving.PredictionService/Predict"
NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
SECONDS = 60.0  # the deadline of every call
Call = Callable[[], object]


def request(model: str, image: bytes, batch: int) -> bytes:
    """Return the Predict request that the pattern's client sends, for `batch` times the same image."""
    message = predict_pb2.PredictRequest()
    message.model_spec.name = model
    message.inputs["image"].CopyFrom(bytes_tensor([image] * batch))
    return message.SerializeToString()


def grpc_call(channel: grpc.Channel, sent: bytes) -> Call:
    """Return a call that sends `sent` and waits for the answer."""
    predict = channel.unary_unary(PREDICT)
    return lambda: predict(sent, timeout=SECONDS)


def rest_call(connection: http.client.HTTPConnection, model: str, image: bytes, batch: int) -> Call:
    """Return a call that sends the same request over REST."""
    body = json.dumps({"instances": [{"b64": base64.b64encode(image).decode()}] * batch}).encode()

    def call() -> None:
        connection.request("POST", f"/v1/models/{model}:predict", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 200, said

    return call


def seconds(call: Call, count: int) -> list[float]:
    """Call `count` times, one after the other; return the seconds of each call."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        call()
        took.append(time.perf_counter() - began)
    return took


async def concurrent_calls(target: str, sent: bytes, clients: int, duration: float) -> tuple[int, float]:
    """Run clients with a connection each for `duration` seconds; return the number of answers and the seconds."""
    own = [("grpc.use_local_subchannel_pool", 1), *NO_LIMIT]
    channels = [grpc.aio.insecure_channel(target, options=own) for _ in range(clients)]
    answers = 0

    async def ask(channel: grpc.aio.Channel, end: float) -> None:
        nonlocal answers
        predict = channel.unary_unary(PREDICT)
        while time.perf_counter() < end:
            await predict(sent, timeout=SECONDS)
            answers += 1

    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    began = time.perf_counter()
    await asyncio.gather(*(ask(channel, began + duration) for channel in channels))
    spent = time.perf_counter() - began
    await asyncio.gather(*(channel.close() for channel in channels))
    return answers, spent
