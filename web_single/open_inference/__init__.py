"""The Open Inference Protocol under /v2, beside the pattern's own endpoints.

Protects from: writing a client: those of KServe, Triton and MLServer work, and send and get tensors as bytes.
Costs: 500 lines to read. The other folders work for these paths too, except fast/.
Instead: MLServer or Triton in front of the same model.onnx.
Remove: delete this folder and the lines that end with "# optional: open_inference"
"""

from fastapi import FastAPI

from .api import Tensors
from .routes import routes


def add_open_inference(app: FastAPI) -> None:
    """Serve the application's model under /v2, where an error is {"error": ...}."""
    model, max_rows = app.state.model, app.state.request_limits["max_rows"]
    app.state.tensors = Tensors(model, max_rows)
    app.state.error_fields["/v2"] = "error"
    named = f"/v2/models/{model.name}"
    probes = f"{named}/ready", f"{named}/versions/{model.version}/ready"
    app.state.probe_paths |= {"/v2/health/live", "/v2/health/ready", *probes}
    for route in routes(model, app.state.tensors.reader.schema):
        app.add_api_route(**route)
