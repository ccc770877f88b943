"""The optional parts of the proxy."""

from fastapi import FastAPI

from ..background.registration import add_background  # optional: background
from ..callbacks.endpoint import add_callbacks  # optional: callbacks
from ..cancelling.endpoint import add_cancelling  # optional: cancelling
from ..checks.probe import add_checks  # optional: checks
from ..compatibility.any_client import add_any_client  # optional: compatibility
from ..docs.pages import replace_docs  # optional: docs
from ..expiry.expire import add_expiry  # optional: expiry
from ..idempotency.keyed_submit import add_keys  # optional: idempotency
from ..model_info.endpoints import add_model_info  # optional: model_info
from ..page.files import add_page  # optional: page
from ..server.rules import add_server_rules  # optional: server
from ..telemetry.metrics import add_metrics  # optional: telemetry
from ..throughput.grouped_submit import add_grouped_submit  # optional: throughput
from ..uploads.formats import add_formats  # optional: uploads
from ..waiting.events import add_events  # optional: waiting


def add_to(app: FastAPI) -> None:
    """Add the optional parts to the proxy, in any order."""
    app.state.submit_without_key = app.state.submit  # what `submit` calls if there is no Idempotency-Key
    app.state.metrics = []  # functions that return more metrics; see telemetry/
    app.state.at_stop = []  # functions that are called when the server is told to stop; see server/
    add_background(app)  # optional: background
    add_callbacks(app)  # optional: callbacks
    add_cancelling(app)  # optional: cancelling
    add_checks(app)  # optional: checks
    add_any_client(app)  # optional: compatibility
    replace_docs(app)  # optional: docs
    add_expiry(app)  # optional: expiry
    add_keys(app)  # optional: idempotency
    add_model_info(app)  # optional: model_info
    add_page(app)  # optional: page
    add_server_rules(app)  # optional: server
    add_metrics(app)  # optional: telemetry
    add_grouped_submit(app)  # optional: throughput
    add_formats(app)  # optional: uploads
    add_events(app)  # optional: waiting
