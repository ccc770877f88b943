"""gRPC's health service."""

from grpc_health.v1 import health_pb2, health_pb2_grpc

from local.processes import wait_until

SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def test_health_is_serving_while_every_model_has_an_available_version(fleet):
    wait_until(lambda: fleet.health() == SERVING)
    watch = health_pb2_grpc.HealthStub(fleet.channel).Watch(health_pb2.HealthCheckRequest(), timeout=240)
    assert next(watch).status == SERVING
    (fleet.folder / "unborn").mkdir()
    fleet.configure(unborn="")
    assert next(watch).status == NOT_SERVING
    assert fleet.health() == NOT_SERVING
    fleet.put("unborn", 1, "marked/1")
    assert next(watch).status == SERVING
    watch.cancel()
