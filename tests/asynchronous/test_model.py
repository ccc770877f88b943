import subprocess
import sys

import grpc
import pytest

from asynchronous.consumer import Result
from asynchronous.model import Model, PredictFailed, ServingUnavailable

from .conftest import label_of, png


@pytest.fixture
def model(fake, settings):
    return Model(settings(serving_grpc=fake.target))


def test_a_batch_is_one_call_and_the_images_arrive_unchanged(model, fake):
    images = [png() for _ in range(5)]
    assert model.predict(images) == [Result(label_of(image), 0.75) for image in images]
    assert fake.batches() == [[label_of(image) for image in images]]


def test_a_refused_image_affects_only_itself(model):
    images = [png(), png("refuse"), png()]
    first, refused, last = model.predict(images)
    assert (first.label, last.label) == (label_of(images[0]), label_of(images[2]))
    assert refused.refused == "INVALID_ARGUMENT: cannot decode the image"


def test_more_than_the_usual_four_megabytes_reach_the_model(model, fake):
    images = [png() + bytes(9_000_000), png()]
    assert [result.label for result in model.predict(images)] == [label_of(image) for image in images]


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("internal", "INTERNAL: something broke"),
        ("nan", "probability is not finite"),
    ],
)
def test_unusable_answers_are_failures(model, order, reason):
    with pytest.raises(PredictFailed, match=reason):
        model.predict([png(), png(order)])


def test_a_call_that_takes_too_long_is_a_failure(fake, settings):
    with pytest.raises(PredictFailed, match="DEADLINE_EXCEEDED"):
        Model(settings(serving_grpc=fake.target, predict_timeout=1)).predict([png(), png("slow=2")])


class WithoutDetails(grpc.RpcError):
    def code(self):
        return grpc.StatusCode.INTERNAL

    def details(self):
        return None


def test_an_error_without_details_is_a_failure_with_its_code(model, monkeypatch):
    def fail(*_, **__):
        raise WithoutDetails

    monkeypatch.setattr(model, "_call", fail)
    with pytest.raises(PredictFailed, match=r"^INTERNAL: no details$"):
        model.predict([png()])


def test_another_kind_of_model_is_a_failure_with_its_name(settings, serving, digit_images):
    model = Model(settings(serving_grpc=serving.grpc, model_name="iris"))
    with pytest.raises(ServingUnavailable, match="NOT_FOUND"):
        model.predict([digit_images[0].data])


def test_the_digits_model_gives_the_labels_that_people_gave(settings, serving, digit_images):
    model = Model(settings(serving_grpc=serving.grpc))
    results = model.predict([image.data for image in digit_images])
    right = sum(result.label == image.label for result, image in zip(results, digit_images, strict=True))
    assert right >= 0.95 * len(digit_images)


def test_an_undecodable_image_among_digits_fails_alone(settings, serving, digit_images):
    results = Model(settings(serving_grpc=serving.grpc)).predict([digit_images[0].data, png()[:40]])
    assert results[0].label == digit_images[0].label
    assert results[1].refused.startswith("INVALID_ARGUMENT")


def test_no_program_imports_tensorflow():
    code = "import sys, asynchronous.app, asynchronous.loop; print('tensorflow' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert (printed.stdout, printed.stderr) == ("False\n", "")


def test_a_worker_imports_no_web_framework():
    code = "import sys, asynchronous.loop as l, asynchronous.settings as s; l.Consumer(s.Settings(), 'a')"
    code += "; print({'fastapi', 'prometheus_client', 'PIL'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert printed.stdout == "set()\n"
