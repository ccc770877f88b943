"""Call the endpoints directly."""

from collections.abc import Iterable

from fastapi import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ..api import read_rows
from ..errors import ServiceError, answer_error
from ..model import Model
from .fast_request import FastRequest


class FastPath:
    """ASGI middleware, the innermost: a POST to one of `routes` goes straight to its endpoint.

    The routes stay in the application for the OpenAPI page and for every other method.
    """

    depth = 9

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute], model: Model) -> None:
        self._app, self._routes, self._model = app, {route.path: route for route in routes}, model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = self._routes.get(scope.get("path", ""))
        if route is None or scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        scope["route"] = route
        request = FastRequest(scope, receive)
        try:
            response: Response = await route.endpoint(await read_rows(request), self._model)
        except (ServiceError, ClientDisconnect) as error:
            response = await answer_error(request, error)
        await response(scope, receive, send)
