"""Builds the service: settings, a verified model, the application."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from pydantic import ValidationError

from .api import label_router, router
from .artifact import Artifact, ArtifactRefused, open_artifact
from .errors import HANDLED, answer_error, first_error
from .extras import app as extras  # optional: extras
from .model import Model
from .schemas import request_for
from .settings import Settings


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
    """Load and try the model of `artifact`, or else of the version that the settings name."""
    artifact = artifact or extras.inherited_artifact()  # optional: extras
    artifact = artifact or open_artifact(settings.model_dir, settings.model_version, keep=None)
    make_model: Callable[[Artifact, int], Model] = Model
    make_model = extras.make_model  # optional: extras
    model = make_model(artifact, settings.onnx_threads)
    model.check()
    return model


def build_app(settings: Settings, model: Model) -> FastAPI:
    """Return the service for a loaded model."""
    app = FastAPI(
        title=model.name,
        version=str(model.version),
        exception_handlers=dict.fromkeys(HANDLED, answer_error),
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # else each request calls OpenTelemetry
    )
    app.state.model = model
    app.state.request_schema = request_for(model.row_format.row, settings.max_rows, model.sample)
    app.state.ready_checks = [model.check]  # what /ready asks
    app.state.error_fields = {}  # path prefix: the name of the field `detail` there
    app.include_router(router)
    if model.task == "classification":
        app.include_router(label_router)
    extras.add_to(app, settings)  # optional: extras
    return app
