"""Prometheus metrics, and the file that turns them on."""

import grpc
import pytest

from serving.errors import ConfigRefused
from serving.monitoring.config import METRICS_PATH, read_metrics_path
from tests.serving.fleet import METRICS


def counted(fleet, model, status):
    return fleet.metrics().get(f':tensorflow:serving:request_count{{model_name="{model}",status="{status}"}}', 0)


def test_requests_are_counted_and_timed_under_tensorflow_servings_names(fleet):
    fleet.serve("measured", v1="marked/1")
    fleet.mark("measured"), fleet.mark("measured"), fleet.rest_mark("measured")
    with pytest.raises(grpc.RpcError):
        fleet.mark("measured", version=7)
    assert (counted(fleet, "measured", "OK"), counted(fleet, "measured", "NOT_FOUND")) == (3, 1)
    latency = {name: value for name, value in fleet.metrics().items() if "request_latency_count" in name}
    name = ':tensorflow:serving:request_latency_count{{API="{}",entrypoint="{}",model_name="measured"}}'
    assert latency[name.format("Predict", "GRPC")] == 2
    assert latency[name.format("predict", "REST")] == 1


def test_the_time_in_tensorflow_is_measured_for_each_api(fleet):
    fleet.serve("timed", v1="marked/1")
    fleet.mark("timed"), fleet.rest_mark("timed")
    metrics = fleet.metrics()
    labels = '{API="Predict",model_name="timed",runtime="TF1"}'
    assert metrics[f":tensorflow:serving:runtime_latency_count{labels}"] == 2
    assert metrics[f":tensorflow:serving:runtime_latency_sum{labels}"] > 0


def test_examples_are_counted(fleet):
    fleet.serve("exemplary", v1="examples/1")
    body = {"signature_name": "regress", "examples": [{"x": 1.0}] * 3}
    assert len(fleet.http.post("/v1/models/exemplary:regress", json=body).json()["results"]) == 3
    metrics = fleet.metrics()
    assert metrics[':tensorflow:serving:request_example_counts_bucket{le="4.0",model="exemplary"}'] == 1
    assert metrics[':tensorflow:serving:request_example_count_total{model="exemplary"}'] == 3
    assert metrics[':tensorflow:serving:runtime_latency_count{API="Regress",model_name="exemplary",runtime="TF1"}'] == 1


def test_counters_have_tensorflow_servings_names(fleet):
    fleet.mark("first")
    page = fleet.http.get(METRICS)
    assert page.headers["content-type"].startswith("text/plain")
    assert "# TYPE :tensorflow:serving:request_count counter" in page.text
    assert "# TYPE :tensorflow:serving:request_latency histogram" in page.text


def test_loads_and_warm_ups_are_measured(fleet):
    fleet.serve("counted", v1="sample/10")
    (fleet.folder / "counted" / "20").mkdir()
    fleet.wait("counted", END=20)
    metrics, path = fleet.metrics(), fleet.folder / "counted"
    attempt = ':tensorflow:cc:saved_model:load_attempt_count{{model_path="{}",status="{}"}}'
    assert metrics[attempt.format(path / "1", "success")] == 1
    assert metrics[attempt.format(path / "20", "fail")] == 1
    assert metrics[f':tensorflow:serving:model_warmup_latency_count{{model_path="{path / "1"}",status="OK"}}'] == 1


def test_names_of_unknown_models_do_not_become_labels(fleet):
    before = counted(fleet, "", "NOT_FOUND")
    with pytest.raises(grpc.RpcError):
        fleet.mark("made_up")
    assert "made_up" not in fleet.http.get(METRICS).text
    assert counted(fleet, "", "NOT_FOUND") == before + 1


def test_there_are_no_metrics_without_a_monitoring_config(sample):
    assert sample.http.get(METRICS).status_code == 404


@pytest.fixture
def written(tmp_path):
    def write(text):
        (tmp_path / "file.config").write_text(text)
        return tmp_path / "file.config"

    return write


def test_a_monitoring_config_contains_the_path_of_the_metrics(written):
    assert read_metrics_path(written("prometheus_config { enable: true }")) == METRICS_PATH
    assert read_metrics_path(written('prometheus_config: { enable: true, path: "/metrics" }')) == "/metrics"
    assert read_metrics_path(written('prometheus_config { path: "/metrics" }')) is None
    for text, reason in (
        ("prometheus { enable: true }", "no field named"),
        ("prometheus_config { path: 5 }", "string"),
    ):
        with pytest.raises(ConfigRefused, match=reason):
            read_metrics_path(written(text))
