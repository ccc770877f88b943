"""The worker's calls reach all servers; the pool of channels is a twin, whose own tests are in tests/synchronous."""

from collections import Counter
from functools import partial

from asynchronous.model import Model, open_channel
from asynchronous.spread import spread
from local.processes import wait_until
from tests.synchronous.fakes import serving


def test_batches_go_to_every_address_and_a_lost_one_fails_none(settings, free_port):
    port, counts = free_port(), Counter()

    def answer(host, images):
        counts[host] += 1
        return ["7"] * len(images)

    addresses = f"127.0.0.2:{port},127.0.0.3:{port}"
    with serving("grpc", partial(answer, "first"), port, "127.0.0.2"):
        with serving("grpc", partial(answer, "second"), port, "127.0.0.3"):
            model = Model(settings(serving_grpc=addresses), spread(open_channel))
            wait_until(lambda: model.predict([b"image"]) and min(counts["first"], counts["second"]) >= 5)
        for _ in range(20):
            assert model.predict([b"image"])[0].label == "7"
    assert counts["first"] >= 25
