"""`POST /predict?callback_url=URL`: the URL becomes a field of the job's record, in the step that accepts the job."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from ..settings import read_environment
from .ended import URL_FIELD as NAME
from .hosts import Refused, check_url
from .settings import CallbackSettings

_PARAMETER = {
    "name": NAME,
    "in": "query",
    "schema": {"type": "string", "format": "uri"},
    "description": "Receives the job as a signed webhook when it has ended; on a host of CALLBACK_HOSTS.",
}


class CallbackUrl:
    """Middleware that refuses a URL that may not be called back, and keeps the others for `api.submit`."""

    def __init__(self, app: ASGIApp, settings: CallbackSettings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query = scope.get("query_string", b"").decode("latin-1")
        if scope["type"] != "http" or NAME not in query:
            return await self._app(scope, receive, send)
        urls = parse_qs(query, keep_blank_values=True).get(NAME, [])
        try:
            if len(urls) > 1:
                raise Refused("was given more than once")
            for url in urls:
                check_url(url, self._settings)
        except Refused as error:
            return await JSONResponse({"detail": f"{NAME}: {error}"}, 422)(scope, receive, send)
        scope.setdefault("state", {})["fields"] = json.dumps([NAME, urls[0]]) if urls else ""
        await self._app(scope, receive, send)


def add_callbacks(app: FastAPI) -> None:
    """Accept the parameter `callback_url`."""
    app.add_middleware(CallbackUrl, settings=read_environment(CallbackSettings))
    app.openapi = _with_parameter(app.openapi)  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _with_parameter(openapi: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    def with_parameter() -> dict[str, Any]:
        document = openapi()
        parameters = document["paths"]["/predict"]["post"].setdefault("parameters", [])
        if _PARAMETER not in parameters:
            parameters.append(_PARAMETER)
        return document

    return with_parameter
