"""The OpenAPI document."""

from typing import Any

from fastapi import FastAPI


def describe_bodies(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, in which the model defines the body of a prediction."""
    page, schema = FastAPI.openapi(app), app.state.request_schema.model_json_schema()
    for path in {"/predict", "/predict/label"} & set(page["paths"]):
        body = {"required": True, "content": {"application/json": {"schema": schema}}}
        page["paths"][path]["post"]["requestBody"] = body
    return page
