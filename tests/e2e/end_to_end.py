"""The composed stack under requests, while its containers are killed: `make e2e`."""

import json
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httpx
import numpy as np
import pymysql
import pytest
from sklearn.datasets import load_iris

from batch.seed.flowers import flowers
from local.processes import ROOT, wait_until
from synchronous.client import connect
from tests.asynchronous.chaos import labelled_images
from tests.asynchronous.clients import Clients
from tests.e2e.composed import docker, inspect
from tests.e2e.conftest import FIGURES

pytestmark = pytest.mark.timeout(1800)  # the first test builds the images
SERVICES = ("web-single", "serving", "redis", "asynchronous-proxy", "asynchronous-worker", "mysql", "batch-api")


def test_every_container_is_healthy_and_has_few_privileges(composed):
    for service in SERVICES:
        assert composed.healthy(service), service
        for container in composed.containers(service):
            host, user = inspect(container)["HostConfig"], inspect(container)["Config"]["User"]
            assert (host["ReadonlyRootfs"], host["CapDrop"]) == (True, ["ALL"]), service
            assert user not in ("", "0", "root") or service == "mysql"  # its entrypoint drops root privileges itself


@pytest.mark.parametrize("service", [name for name in SERVICES if name not in ("redis", "mysql")])
def test_sigterm_reaches_the_program(composed, service):
    (container, *_) = composed.containers(service)
    docker("stop", "--time", "30", container)
    by_itself = inspect(container)["Config"].get("StopSignal") != "SIGKILL"  # set for TensorFlow Serving
    assert inspect(container)["State"]["ExitCode"] in ((0, 143) if by_itself else (137,))
    docker("start", container)
    wait_until(lambda: composed.healthy(service), 60, f"{service} to be healthy")


def test_the_client_tests_pass_against_the_serving_container(composed):
    addresses = {
        "SERVING_GRPC": f"127.0.0.1:{composed.ports['SERVING_GRPC']}",
        "SERVING_REST": composed.url("SERVING_REST"),
    }
    files = ["tests/serving/test_protocol.py", "tests/synchronous/test_client.py"]
    argv = [sys.executable, "-m", "pytest", "-q", *files]
    env = os.environ | addresses
    done = subprocess.run(argv, check=False, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:]


def test_the_client_image_gets_an_answer_from_the_serving_container(composed, digit_images, tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "digit").write_bytes(digit_images[0].data)
    image = docker("build", "--quiet", "--file", "synchronous/Dockerfile.client", str(ROOT)).strip()
    network, folder = f"--network={composed.project}_default", f"--volume={tmp_path}:/images:ro"
    printed = docker("run", "--rm", network, folder, "--env=SERVING_GRPC=serving:8500", image, "digit")
    assert json.loads(printed)["label"] == digit_images[0].label


def answers_while_killed(composed, service, ask, seconds=60):
    """Return the answers of four callers of `ask` (True: right, False: wrong, None: none) during two kills."""
    over, answers = threading.Event(), []

    def caller():
        while not over.is_set():
            answers.append(ask())

    def answered(count):
        wait_until(lambda: sum(answer is not None for answer in answers) >= count, seconds, "answers")

    with ThreadPoolExecutor(4) as pool:
        callers = [pool.submit(caller) for _ in range(4)]
        try:
            for _kill in (1, 2):
                answered(sum(answer is not None for answer in answers) + 50)
                composed.crash_service(service)
            answered(sum(answer is not None for answer in answers) + 50)
        finally:
            over.set()
        for done in callers:
            done.result()
    return answers


def add_figures(pattern, answers, kills):
    counts = [sum(answer is kind for answer in answers) for kind in (True, None, False)]
    FIGURES.add_row(pattern, *(f"{count:,}" for count in (len(answers), *counts)), str(kills))


def test_web_single_answers_correctly_or_not_at_all_while_it_is_killed(composed, expected):
    rows = load_iris().data.astype(np.float32)
    right = [probabilities for _, probabilities in expected(rows)]
    client = httpx.Client(base_url=composed.url("WEB_SINGLE"), timeout=10)

    def ask():
        with suppress(httpx.TransportError):
            answer = client.post("/predict", json={"data": rows.tolist()})
            return bool(np.allclose(answer.json()["prediction"], right, atol=1e-6)) if answer.is_success else None
        time.sleep(0.05)
        return None

    answers = answers_while_killed(composed, "web-single", ask)
    client.close()
    add_figures("web_single", answers, 2)
    assert False not in answers
    assert answers.count(True) >= 150


def test_calls_succeed_although_the_serving_container_is_killed(composed, digit_images):
    images = [image.data for image in digit_images[:4]]
    with connect("grpc", f"127.0.0.1:{composed.ports['SERVING_GRPC']}") as client:
        labels = [answer.label for answer in client.predict(images, 30)]

        def ask():
            return [answer.label for answer in client.predict(images, 60)] == labels

        answers = answers_while_killed(composed, "serving", ask)
    add_figures("synchronous", answers, 2)
    assert set(answers) == {True}


def test_no_job_is_lost_whichever_container_dies(composed):
    images = labelled_images(f"127.0.0.1:{composed.ports['SERVING_GRPC']}")
    victims = ["asynchronous-worker", "serving", "asynchronous-proxy", "redis"] * 2
    with Clients(composed, images, seed=0) as clients:
        for victim in victims:
            clients.post_more(50)
            clients.wait_for_work(10, posting=victim in ("asynchronous-proxy", "redis"))
            composed.crash_service(victim)
        wait_until(lambda: clients.outcomes.ended() == 400, 120, "400 jobs to end")
    clients.read_all()
    verdict = clients.outcomes.verdict()
    broken = verdict["lost"] + verdict["changed"] + verdict["wrong"] + verdict["expired"]
    numbers = (400 + clients.unanswered, verdict["done"] + verdict["failed"], clients.unanswered, broken)
    FIGURES.add_row("asynchronous", *(f"{number:,}" for number in numbers), str(len(victims)))
    assert broken == 0, verdict


def test_workers_scale(composed):
    scale = ("--scale", "asynchronous-worker=3")
    composed.compose("up", "--detach", "--wait", "--no-recreate", "--no-deps", *scale, "asynchronous-worker")
    assert len(composed.containers("asynchronous-worker")) == 3
    assert composed.healthy("asynchronous-worker")


def counted(composed, state):
    """Return the number of rows in a state, or None while MySQL does not answer."""
    with (
        suppress(pymysql.Error),
        pymysql.connect(
            host="127.0.0.1", port=composed.ports["MYSQL"], user="batch", password=composed.password, database="batch"
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT COUNT(*) FROM items WHERE state = %s", (state,))
        return cursor.fetchone()[0]
    return None


def finished(container):
    return inspect(container)["State"]["Status"] == "exited"


def test_each_row_is_done_once_whichever_container_dies(composed, expected):
    before, rows = counted(composed, "done"), [row for chunk in flowers(20_000, seed=1) for row in chunk]
    seeding = composed.run("python", "-m", "batch.seed", "--rows", "20000", "--seed", "1")
    wait_until(lambda: finished(seeding), 60, "the rows")
    runners = [composed.run("python", "-m", "batch.job", "--chunk-rows", "20") for _ in range(3)]
    victims = (runners[0], composed.crash), ("mysql", composed.crash_service), (runners[1], composed.crash)
    for number, (victim, crash) in enumerate((*victims, ("batch-api", composed.crash_service)), 1):
        wait_until(lambda least=before + 2_000 * number: (counted(composed, "done") or 0) >= least, 60, "rows done")
        crash(victim)
    wait_until(lambda: finished(runners[2]), 120, "the last runner to end")
    assert inspect(runners[2])["State"]["ExitCode"] == 0
    composed.compose("run", "--rm", "--no-deps", "batch-job")
    items = read_all(composed)[before:]
    wrong = sum((item["label"], item["prediction"]) != right for item, right in zip(items, expected(rows), strict=True))
    FIGURES.add_row("batch", f"{len(items):,}", f"{len(items) - wrong:,}", "0", str(wrong), "4")
    assert wrong == 0
    assert {(item["state"], item["attempts"]) for item in items} == {("done", 1)}


def read_all(composed):
    """Return every row, read page by page through the API after its restart."""
    wait_until(lambda: composed.healthy("batch-api"), 60, "the API")
    items, after = [], 0
    while after is not None:
        page = httpx.get(composed.url("BATCH") + "/data/all", params={"after": after, "limit": 1000}, timeout=10).json()
        items, after = items + page["items"], page["next"]
    return items


def test_a_service_without_its_data_store_is_not_ready_and_recovers_by_itself(composed):
    for store, name in (("redis", "ASYNCHRONOUS"), ("mysql", "BATCH")):
        docker("stop", *composed.containers(store))
        with httpx.Client(base_url=composed.url(name), timeout=30) as client:
            assert (client.get("/ready").status_code, client.get("/health").status_code) == (503, 200)
            docker("start", *composed.containers(store))
            wait_until(lambda client=client: client.get("/ready").is_success, 90, "the service to be ready")
