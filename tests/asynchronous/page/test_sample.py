"""The sample image."""


def test_the_sample_image_is_a_seven(api, serving, worker):
    job_id = api.get("/predict/test").json()["job_id"]
    worker(SERVING_GRPC=serving.grpc)
    answer = api.get(f"/job/{job_id}", params={"wait": 30})
    assert answer.json()["label"] == "7"
