"""The composition root: settings, a verified model, the application and its optional parts."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from pydantic import ValidationError

from .api import label_router, router
from .artifact import Artifact, ArtifactRefused, open_artifact
from .columns import Columns, add_columns, name_refused_rows, run_texts_in_parts  # optional: columns
from .compatibility.any_client import add_any_client  # optional: compatibility
from .docs import add_docs  # optional: docs
from .errors import HANDLED, answer_error, first_error
from .fast import add_fast  # optional: fast
from .golden import check_golden  # optional: golden
from .limits import add_limits  # optional: limits
from .model import Model
from .model_info import add_model_info  # optional: model_info
from .open_inference import add_open_inference  # optional: open_inference
from .page import add_page  # optional: page
from .rows import RowFormat
from .schemas import request_for
from .settings import Settings
from .telemetry import add_telemetry  # optional: telemetry
from .workers import add_workers, kept_artifact  # optional: workers


def create_app() -> FastAPI:
    """Return the service that the environment describes, or end the program with one line that says why not."""
    with exit_in_one_line():
        settings = Settings()
        return build_app(settings, load_model(settings))


@contextmanager
def exit_in_one_line() -> Iterator[None]:
    """End the program with one line if a setting or the artefact is refused."""
    try:
        yield
    except ValidationError as error:
        raise SystemExit(f"{__package__}: {first_error(error)}, not {error.errors()[0]['input']!r}") from None
    except ArtifactRefused as error:
        raise SystemExit(f"{__package__}: {' '.join(str(error).split())}") from None


def load_model(settings: Settings, artifact: Artifact | None = None) -> Model:
    """Return the model that the settings name, or the one in a verified artefact: loaded and tried."""
    artifact = artifact or kept_artifact()  # optional: workers
    artifact = artifact or open_artifact(settings.model_dir, settings.model_version, keep=None)
    row_format = RowFormat
    row_format = Columns  # optional: columns
    model = Model(artifact, settings.onnx_threads, row_format)
    run_texts_in_parts(model)  # optional: columns
    name_refused_rows(model)  # optional: columns
    check_golden(model, artifact)  # optional: golden
    model.check()
    return model


def build_app(settings: Settings, model: Model) -> FastAPI:
    """Return the service for a loaded model. The order of the optional lines does not matter."""
    app = FastAPI(
        title=model.name,
        version=str(model.version),
        exception_handlers=dict.fromkeys(HANDLED, answer_error),
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # else each request calls OpenTelemetry
    )
    app.state.model = model
    app.state.request_schema = request_for(model.row_format.row, settings.max_rows, model.sample)
    app.state.request_limits = {"max_rows": settings.max_rows}  # what /metadata shows
    app.state.ready_checks = [model.check]  # what /ready asks
    app.state.probe_paths = {"/health", "/ready"}  # what must answer in an overload
    app.state.error_fields = {}  # path prefix: the name of the field `detail` there
    app.include_router(router)
    if model.task == "classification":
        app.include_router(label_router)
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
    return app
