"""Call the endpoints directly."""

from collections.abc import Iterable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.datastructures import State
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from ..api import parse_rows, require_json
from ..errors import ServiceError, answer_error


class FastPath:
    """ASGI middleware, the innermost: a POST to one of `routes` goes straight to its endpoint.

    The routes stay in the application for the OpenAPI page and for every other method.
    """

    depth = 9

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute], state: State) -> None:
        """Starlette calls this after all parts were added. Look-ups in `state` are slow, so these are made once."""
        self._app, self._routes = app, {route.path: route for route in routes}
        self._schema, self._model = state.request_schema, state.model

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = self._routes.get(scope.get("path", ""))
        if route is None or scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        scope["route"] = route
        try:
            require_json(content_type(scope))
            rows = parse_rows(scope, await read_body(receive), self._schema, self._model)
            response: Response = await route.endpoint(rows, self._model)
        except (ServiceError, ClientDisconnect) as error:
            response = await answer_error(Request(scope), error)
        await response(scope, receive, send)


def content_type(scope: Scope) -> str:
    """Return the header content-type, or nothing."""
    for name, value in scope["headers"]:
        if name == b"content-type":
            return str(value, "latin-1")
    return ""


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
