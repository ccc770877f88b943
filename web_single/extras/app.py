"""The optional parts of the application and of the model."""

from fastapi import FastAPI

from ..artifact import Artifact
from ..columns import Columns, add_columns, name_refused_rows, run_texts_in_parts  # optional: columns
from ..compatibility.any_client import add_any_client  # optional: compatibility
from ..docs import add_docs  # optional: docs
from ..fast import add_fast  # optional: fast
from ..golden import check_golden  # optional: golden
from ..limits import add_limits  # optional: limits
from ..model import Model
from ..model_info import add_model_info  # optional: model_info
from ..open_inference import add_open_inference  # optional: open_inference
from ..page import add_page  # optional: page
from ..rows import RowFormat
from ..settings import Settings
from ..telemetry import add_telemetry  # optional: telemetry
from ..workers import add_workers, kept_artifact  # optional: workers


def inherited_artifact() -> Artifact | None:
    """Return the artefact that the parent process has verified, if there is one."""
    artifact: Artifact | None = None
    artifact = kept_artifact()  # optional: workers
    return artifact


def make_model(artifact: Artifact, threads: int) -> Model:
    """Return the model of an artefact; raise `ArtifactRefused` if an optional part refuses it."""
    # In this order: each wraps `model.run` as the line before has left it.
    row_format = RowFormat
    row_format = Columns  # optional: columns
    model = Model(artifact, threads, row_format)
    run_texts_in_parts(model)  # optional: columns
    name_refused_rows(model)  # optional: columns
    check_golden(model, artifact)  # optional: golden
    return model


def add_to(app: FastAPI, settings: Settings) -> None:
    """Add the optional parts to the service, in any order."""
    app.state.request_limits = {"max_rows": settings.max_rows}  # what /metadata shows
    app.state.probe_paths = {"/health", "/ready"}  # what must answer in an overload
    add_any_client(app)  # optional: compatibility
    add_columns(app)  # optional: columns
    add_docs(app)  # optional: docs
    add_fast(app)  # optional: fast
    add_limits(app)  # optional: limits
    add_model_info(app)  # optional: model_info
    add_open_inference(app)  # optional: open_inference
    add_page(app, settings.model_dir)  # optional: page
    add_telemetry(app)  # optional: telemetry
    add_workers(app)  # optional: workers
    # From the outside in. Without this, the middleware that was added last would be the outermost.
    app.user_middleware.sort(key=lambda middleware: getattr(middleware.cls, "depth", 0))
