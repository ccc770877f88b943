"""The last answer on each connection says `connection: close`.

The `uvicorn` command owns the server here. In a program that owns its server, the server's default headers say the same
and cost less.
"""

from collections.abc import Awaitable

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class LastAnswers:
    """ASGI middleware: while the application is stopping, each answer closes its connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one request."""

        def send_last(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start" and scope["app"].state.stopping:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            return send(message)

        return self._app(scope, receive, send_last)
