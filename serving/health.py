"""gRPC's health service, for Kubernetes and Envoy. In TensorFlow Serving it is off by default."""

import itertools

from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse

from .catalogue import Catalogue


def follow(catalogue: Catalogue, health: HealthServicer) -> None:
    """Report SERVING while every configured model has an available version; run forever."""
    for served in itertools.cycle((True, False)):
        catalogue.wait_until_served(served)
        health.set("", HealthCheckResponse.SERVING if served else HealthCheckResponse.NOT_SERVING)
