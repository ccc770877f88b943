"""The sample image."""

from ..conftest import end_of


def test_the_sample_image_is_a_seven(api, serving, worker):
    job_id = api.get("/predict/test").json()["job_id"]
    worker(SERVING_GRPC=serving.grpc)
    assert end_of(api, job_id)["label"] == "7"
