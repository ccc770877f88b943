"""Prometheus metrics under TensorFlow Serving's names, on the REST port.

Protects from: not seeing how many requests fail, how long they take, and which loads failed.
Costs: two metric updates for each request.
Instead: the metrics of a proxy or a service mesh in front of the server.
Remove: delete this folder and the lines that end with "# optional: monitoring"
"""

from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ..flags import FlagParser, Flags
from ..server import Server
from .config import read_metrics_path
from .metrics import Metrics


class Monitoring:
    """The flag --monitoring_config_file."""

    def add_flags(self, parser: FlagParser) -> None:
        """Add the flag."""
        parser.add_argument("--monitoring_config_file", type=Path, help="Prometheus metrics on the REST port")
        parser.checks.append(_check)

    def attach(self, server: Server) -> None:
        """Measure every request and load, and serve the metrics at the path that the file names."""
        file = server.flags.monitoring_config_file
        if path := read_metrics_path(file) if file else None:
            server.observer = metrics = Metrics()
            server.prepare_model.append(metrics.measure_runs)

            def page(request: Request) -> Response:
                return Response(metrics.page(), media_type="text/plain")

            server.routes.append(Route(path, page))


def _check(flags: Flags) -> str | None:
    if flags.monitoring_config_file and not flags.rest_api_port:
        return "--monitoring_config_file needs a --rest_api_port, which serves the metrics"
    return None
