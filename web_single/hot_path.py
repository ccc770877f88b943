"""The short way to the endpoints that take nearly all requests."""

from collections.abc import Awaitable, Callable, Iterable

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from .bodies import Refused
from .predictor import NoAnswer

Refuse = Callable[[Request, Exception], Awaitable[Response]]


class HotPath:
    """ASGI middleware, the innermost: a POST to one of `routes` goes to its endpoint with one look into a dictionary.

    Between here and the endpoint FastAPI has eleven layers of its own (routing one path after the other, exit stacks,
    handlers of exceptions), which take a quarter of the time of one row. The routes stand in the application all the
    same, for the OpenAPI page and for every other method.
    """

    def __init__(self, app: ASGIApp, routes: Iterable[APIRoute], refuse: Refuse) -> None:
        self._app, self._refuse = app, refuse
        self._routes = {route.path: route for route in routes}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        route = self._routes.get(scope.get("path", ""))
        if route is None or scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        scope["route"] = route  # `Observed` counts by it
        request = Request(scope, receive)
        try:
            response: Response = await route.endpoint(request)
        except (Refused, NoAnswer) as error:
            response = await self._refuse(request, error)
        await response(scope, receive, send)
