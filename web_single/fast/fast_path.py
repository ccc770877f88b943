"""Call the endpoints directly."""

from fastapi import Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ..api import get_model, predict, predict_label, read_rows, router
from ..errors import ServiceError, answer_error
from .fast_request import FastRequest

FAST = (predict, predict_label)
ROUTES = {route.path: route for route in router.routes if isinstance(route, APIRoute) and route.endpoint in FAST}


class FastPath:
    """ASGI middleware, the innermost: a POST to one of `ROUTES` goes straight to its endpoint.

    The routes stay in the application for the OpenAPI page and for every other method.
    """

    depth = 9

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = ROUTES.get(scope.get("path", ""))
        if route is None or scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        scope["route"] = route
        request = FastRequest(scope, receive)
        try:
            response: Response = await route.endpoint(await read_rows(request), get_model(request))
        except (ServiceError, ClientDisconnect) as error:
            response = await answer_error(request, error)
        await response(scope, receive, send)
