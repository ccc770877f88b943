"""Tell clients about the model: tensors and limits at `/metadata`, labels at `/label`, a sample at `/predict/test`.

Protects from: clients that guess which model, version, labels and limits the answers come from.
Costs: 60 lines to read.
Instead: the OpenAPI page at /docs, which shows a row of the model, and the manifest, which names its labels.
Remove: delete this folder and the lines that end with "# optional: model_info"
"""

from fastapi import FastAPI

from .api import label_router, router

__all__ = ["add_model_info"]


def add_model_info(app: FastAPI) -> None:
    """Add the endpoints."""
    app.include_router(router)
    if app.state.model.task == "classification":
        app.include_router(label_router)
