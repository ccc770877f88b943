import os
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.synchronous import imports
from synchronous.channel import direct
from synchronous.client import Client, Prediction, ServingError, connect

from .fakes import requests_to


@pytest.fixture(params=["grpc", "rest"])
def client(request, digits):
    with connect(request.param, getattr(digits, request.param)) as client:
        yield client


def test_many_images_in_one_call_get_their_labels_in_order(client, digit_images):
    answers = client.predict([image.data for image in digit_images], timeout=30)
    right = [answer.label == image.label for answer, image in zip(answers, digit_images, strict=True)]
    assert sum(right) >= 0.95 * len(right)
    assert all(0 < answer.probability <= 1 for answer in answers)


@pytest.fixture
def proxy(monkeypatch):
    """Let the environment name a proxy that leads nowhere; return a function that sets the exceptions."""
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    def set_exceptions(hosts):
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, hosts)

    set_exceptions("")
    return set_exceptions


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_reached_without_a_proxy(protocol, host, digits, proxy, digit_images):
    with connect(protocol, getattr(digits, protocol).replace("127.0.0.1", host)) as client:
        assert client.predict([digit_images[0].data], 30)[0].label == digit_images[0].label


def test_a_socks_proxy_that_httpx_cannot_use_does_not_matter_on_this_machine(digits, proxy, digit_images, monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:1")
    with connect("rest", digits.rest) as client:
        assert client.predict([digit_images[0].data], 30)[0].label == digit_images[0].label


@pytest.mark.parametrize("protocol", ["grpc", "rest"])
def test_another_server_is_reached_through_the_proxy(protocol, proxy):
    with connect(protocol, "server.invalid:80") as client, pytest.raises(ServingError, match="UNAVAILABLE") as error:
        client.transport.predict(client.model, [b"image"], 30)  # one attempt, which fails long before its time is over
    assert "resol" not in str(error.value).lower()  # the proxy resolves names


def test_a_name_that_is_an_exception_is_reached_without_the_proxy(digits, proxy, digit_images, monkeypatch):
    lookup = socket.getaddrinfo
    monkeypatch.setattr("socket.getaddrinfo", lambda host, *more, **others: lookup("127.0.0.1", *more, **others))
    proxy("example.org")
    with connect("rest", digits.rest.replace("127.0.0.1", "server.example.org")) as client:
        assert client.predict([digit_images[0].data], 30)[0].label == digit_images[0].label


def test_a_name_without_a_dot_is_a_neighbour_and_an_address_is_not():
    assert [direct(f"{host}:8500") for host in ("serving", "localhost", "[::1]")] == [
        [("grpc.enable_http_proxy", 0)]
    ] * 3
    assert [direct(f"{host}:8500") for host in ("serving.example.org", "10.0.0.1", "[2001:db8::1]")] == [[]] * 3


def test_grpc_and_rest_give_the_same_answers(digits, digit_images, photographs):
    images = [image.data for image in digit_images[:8]] + photographs
    with connect("grpc", digits.grpc) as one, connect("rest", digits.rest) as other:
        for left, right in zip(one.predict(images, 30), other.predict(images, 30), strict=True):
            assert left.label == right.label
            assert left.probability == pytest.approx(right.probability, abs=1e-6)


def test_an_undecodable_image_does_not_affect_the_others(client, digit_images):
    images = [image.data for image in digit_images[:3]]
    alone = client.predict(images, timeout=30)
    first, bad, *rest = client.predict([images[0], b"not an image", *images[1:]], timeout=30)
    assert isinstance(bad, ServingError)
    assert bad.code == "INVALID_ARGUMENT"
    assert [first, *rest] == [Prediction(p.label, pytest.approx(p.probability, abs=1e-6)) for p in alone]


def test_a_single_undecodable_image_gets_an_error(client):
    [answer] = client.predict([b"\x89PNG\r\n\x1a\n"], timeout=30)
    assert isinstance(answer, ServingError)


def test_each_of_many_concurrent_calls_gets_its_own_answer(client, digit_images):
    images = [image.data for image in digit_images[:32]]
    together = client.predict(images, timeout=30)
    with ThreadPoolExecutor(16) as pool:
        alone = [answer for [answer] in pool.map(lambda image: client.predict([image], timeout=30), images)]
    assert [answer.label for answer in alone] == [answer.label for answer in together]
    assert [answer.probability for answer in alone] == pytest.approx([a.probability for a in together], abs=1e-6)


def test_an_unknown_model_is_not_found(digits):
    with connect("grpc", digits.grpc, "nobody") as one, connect("rest", digits.rest, "nobody") as other:
        for client in one, other:
            with pytest.raises(ServingError, match=r"NOT_FOUND: Servable not found for request: Latest\(nobody\)"):
                client.predict([b""])


def test_metadata_is_the_same_from_both_protocols(digits):
    with connect("grpc", digits.grpc) as one, connect("rest", digits.rest) as other:
        metadata = one.metadata()
        assert metadata == other.metadata()
    signatures = metadata["metadata"]["signature_def"]["signature_def"]
    assert signatures["serving_default"]["inputs"]["image"]["dtype"] == "DT_STRING"


def test_importing_the_client_loads_only_the_messages_of_tensorflow():
    code = "import sys, synchronous.client as c; c.connect('grpc'); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    framework = {"tensorflow", "tensorflow.python", "tensorflow._api", "tensorflow.lite", "keras"}
    not_needed_yet = {"httpx", "rich", "typer", "starlette"}
    assert (framework | not_needed_yet) & set(run.stdout.split()) == set()


def test_importing_the_client_takes_less_than_60_megabytes():
    assert imports.cost(imports.OURS).megabytes < 60


def test_tensorflow_reads_the_clients_messages(digit_images):
    images = [image.data for image in digit_images[:3]]
    code = """if True:
        import sys, tensorflow as tf
        from tensorflow_serving.apis import predict_pb2
        request = predict_pb2.PredictRequest.FromString(sent := sys.stdin.buffer.read())
        assert request.SerializeToString(deterministic=True) == sent
        print(request.model_spec.name, list(request.output_filter), tf.make_ndarray(request.inputs["image"]).tolist())
        import synchronous.messages  # works with the framework already imported too"""
    [sent] = requests_to(lambda target: connect("grpc", target).predict(images))
    env = {**os.environ, "TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}  # starts sooner, without Keras
    run = subprocess.run([sys.executable, "-c", code], input=sent, capture_output=True, check=True, env=env)
    assert (
        run.stdout.decode() == f"digits [] {images}\n"
    )  # no filter: TensorFlow Serving batches only requests for all outputs


class Unavailable:
    """A transport that fails with each of `codes` and then answers."""

    def __init__(self, *codes):
        self.codes, self.budgets = list(codes), []

    def predict(self, model, images, timeout):
        self.budgets.append(timeout)
        if self.codes:
            raise ServingError(self.codes.pop(0), "on purpose")
        return [Prediction("7", 1.0) for _ in images]


def test_unavailable_is_retried_with_the_rest_of_the_budget():
    transport = Unavailable("UNAVAILABLE", "UNAVAILABLE")
    assert Client(transport).predict([b"a"], timeout=5) == [Prediction("7", 1.0)]
    assert 5 >= transport.budgets[0] > transport.budgets[1] > transport.budgets[2] > 0


@pytest.mark.parametrize("code", ["NOT_FOUND", "DEADLINE_EXCEEDED", "INTERNAL", "RESOURCE_EXHAUSTED"])
def test_only_unavailable_is_retried(code):
    transport = Unavailable(code)
    with pytest.raises(ServingError, match=code):
        Client(transport).predict([b"a"])
    assert len(transport.budgets) == 1


def test_halves_of_a_request_share_the_budget_of_the_call():
    transport = Unavailable("INVALID_ARGUMENT", "INVALID_ARGUMENT")
    bad, good = Client(transport).predict([b"a", b"b"], timeout=5)
    assert (bad.code, good.label) == ("INVALID_ARGUMENT", "7")
    assert 5 >= transport.budgets[0] > transport.budgets[1] > transport.budgets[2]


class Refusing:
    """A transport that refuses every request in which there is a `b"bad"`, and records each request."""

    def __init__(self):
        self.asked = []

    def predict(self, model, images, timeout):
        self.asked.append(images)
        if b"bad" in images:
            raise ServingError("INVALID_ARGUMENT", "on purpose")
        return [Prediction(image.decode(), 1.0) for image in images]


def test_a_bad_image_among_32_is_found_with_ten_more_requests():
    transport, images = Refusing(), [str(number).encode() for number in range(32)]
    images[21] = b"bad"
    answers = Client(transport).predict(images)
    assert isinstance(answers[21], ServingError)
    assert [answer.label for answer in answers if answer is not answers[21]] == [str(n) for n in range(32) if n != 21]
    assert len(transport.asked) == 11


@given(st.lists(st.sampled_from([b"a", b"b", b"bad"]), min_size=2))
def test_each_image_gets_its_own_answer_wherever_bad_images_are(images):
    answers = Client(Refusing()).predict(images)
    assert [b"bad" if isinstance(a, ServingError) else a.label.encode() for a in answers] == images


def test_an_image_refused_because_of_another_callers_image_is_sent_again():
    transport = Unavailable("INVALID_ARGUMENT")
    assert Client(transport).predict([b"good"]) == [Prediction("7", 1.0)]
    bad = Refusing()
    assert isinstance(Client(bad).predict([b"bad"])[0], ServingError)
    assert bad.asked == [[b"bad"]] * 2


def test_no_images_get_no_answers():
    transport = Unavailable()
    assert Client(transport).predict([]) == []
    assert transport.budgets == []


def test_a_half_without_an_answer_does_not_affect_the_other():
    transport = Unavailable("INVALID_ARGUMENT", "INTERNAL")
    lost, also_lost, *answered = Client(transport).predict([b"a", b"b", b"c", b"d"])
    assert (lost.code, also_lost.code) == ("INTERNAL", "INTERNAL")
    assert answered == [Prediction("7", 1.0)] * 2


def test_fewer_answers_than_images_is_an_error():
    transport = Unavailable()
    transport.predict = lambda model, images, timeout: [Prediction("7", 1.0)]
    with pytest.raises(ServingError, match="1 answers for 2 images"):
        Client(transport).predict([b"a", b"b"])
