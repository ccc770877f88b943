"""REGISTER=background, and what it risks."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from local import servers
from local.processes import wait_until

from ..conftest import PNG, label_of, png, post


def test_registering_in_the_background_answers_first(proxy, worker):
    _, api = proxy(REGISTER="background")
    image = png()
    job_id = post(api, image)
    worker()
    wait_until(lambda: api.get(f"/job/{job_id}").json().get("label") == label_of(image))


def test_registering_in_the_background_loses_what_redis_does_not_take(proxy):
    program, api = proxy(REGISTER="background", REDIS_URL=f"redis://127.0.0.1:{servers.free_port()}/0")
    job_id = post(api)
    wait_until(lambda: f"job {job_id} was answered with 202 and is lost" in program.log.read_text())


@pytest.fixture
def accepted_before_death(proxy, store):
    """Post images while Redis writes nothing, SIGKILL the proxy, and return the ids that were answered with 202."""

    def asking():
        """Return how many clients wait with a step: the last command of an idle client may be one, too."""
        return sum(client["cmd"] == "evalsha" and "b" in client["flags"] for client in store.client_list())

    def run(images=5, answered=0, **env):
        program, api = proxy(**env)
        store.client_pause(200_000, all=False)
        try:
            with ThreadPoolExecutor(images) as pool:
                posts = [pool.submit(api.post, "/predict", content=png(), headers=PNG) for _ in range(images)]
                wait_until(asking, what="the proxy to hand jobs in")
                wait_until(lambda: sum(post.done() for post in posts) >= answered)
                program.kill()
            wait_until(lambda: asking() == 0, what="Redis to see that nobody asks any more")
        finally:
            store.client_unpause()
        answers = [post.result() for post in posts if not isinstance(post.exception(), httpx.TransportError)]
        return [answer.json()["job_id"] for answer in answers if answer.status_code == 202]

    return run


def test_a_job_registered_before_the_answer_is_not_promised_when_the_proxy_dies(accepted_before_death):
    assert accepted_before_death(REGISTER="before_answer") == []


def test_a_job_registered_in_the_background_is_lost_when_the_proxy_dies(accepted_before_death, record):
    accepted = accepted_before_death(REGISTER="background", answered=5)
    assert len(accepted) == 5
    assert [record(job_id) for job_id in accepted] == [{}] * 5
