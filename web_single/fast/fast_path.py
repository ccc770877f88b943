"""Call the endpoints directly."""

from collections.abc import Iterable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ..api import parse_rows, require_json
from ..errors import ServiceError, answer_error
from ..model import Model


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
        content_type = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        try:
            require_json(content_type.decode("latin-1"))
            response: Response = await route.endpoint(parse_rows(scope, await read_body(receive)), self._model)
        except (ServiceError, ClientDisconnect) as error:
            response = await answer_error(Request(scope), error)
        await response(scope, receive, send)


async def read_body(receive: Receive) -> bytearray:
    """Return the whole body; raise `ClientDisconnect` if the connection closes before its end."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
