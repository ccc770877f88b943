"""Comparison `register`: REGISTER=background, the alternative to registering a job before the answer."""

import asyncio
import json
import random

from asynchronous.keys import RECORD
from benchmarks.report import Figure

from .environment import Environment, Plan, Proxy, png
from .posts import body_file, take_turns

CLIENTS = 16


async def _post(proxy: Proxy, image: bytes, accepted: list[str]) -> None:
    """Post over one connection until it breaks, and keep the ids of the jobs that were answered with 202."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {len(image)}\r\n\r\n"
    try:
        while True:
            writer.write(head.encode() + image)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = int(answer.partition("content-length: ")[2].partition("\r\n")[0])
            body = await reader.readexactly(length)
            if answer.startswith("http/1.1 202"):
                accepted.append(json.loads(body)["job_id"])
    except (ConnectionError, asyncio.IncompleteReadError):
        writer.close()


async def _post_until_killed(proxy: Proxy, image: bytes) -> list[str]:
    accepted: list[str] = []
    asyncio.get_running_loop().call_later(random.uniform(0.3, 0.8), proxy.program.kill)  # noqa: S311
    await asyncio.gather(*(_post(proxy, image, accepted) for _ in range(CLIENTS)))
    return accepted


def _lost(environment: Environment, job_ids: list[str]) -> int:
    pipeline = environment.redis.pipeline(transaction=False)
    for job_id in job_ids:
        pipeline.exists(job_id + RECORD)
    return pipeline.execute().count(0)


def _count_lost(environment: Environment, plan: Plan) -> list[Figure]:
    """Kill the proxy under load, start it again, and look up the jobs that were answered with 202."""
    image, figures = png(), []
    for register in ("before_answer", "background"):
        accepted = lost = 0
        proxy = environment.proxy(REGISTER=register).wait()
        for _ in range(plan.kills):
            job_ids = asyncio.run(_post_until_killed(proxy, image))
            environment.stop(proxy.program)
            # Redis still processes what the dead proxy had sent. The new proxy is ready only after that.
            proxy = environment.proxy(port=proxy.port, REGISTER=register).wait()
            accepted, lost = accepted + len(job_ids), lost + _lost(environment, job_ids)
            environment.empty()
        environment.stop(proxy.program)
        figures.append(Figure(f"{register}: accepted before {plan.kills} kills", "jobs", [accepted]))
        bar = 0 if register == "before_answer" else None
        figures.append(Figure(f"{register}: lost", "jobs", [lost], at_most=bar))
    return figures


def _compare_speed(environment: Environment, plan: Plan) -> list[Figure]:
    """POST with REGISTER=before_answer, the default, and with `background`, which stands in the column `limit`."""
    ours, limit = environment.proxy(REGISTER="before_answer"), environment.proxy(REGISTER="background")
    sides = take_turns(environment, plan, body_file(environment), 16, ours, limit)
    environment.stop(ours.program)
    environment.stop(limit.program)
    return [
        sides.figure("POST, before_answer against background", "requests/s", "per_second"),
        sides.figure("p50", "ms", "p50"),
        sides.figure("p99", "ms", "p99"),
    ]


def compare(environment: Environment, plan: Plan) -> list[Figure]:
    """Measure the speed of both ways, then what each loses when the proxy is killed."""
    return _compare_speed(environment, plan) + _count_lost(environment, plan)
