"""How the proxy stops: nobody waits any longer, and the last answer on each connection says that it is the last."""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER = 1.0  # seconds that an idle connection gets to bring one more request and learn that it is the last


class LastAnswers:
    """ASGI middleware: once the app is stopping, each answer closes its connection.

    uvicorn closes idle connections at once, and a request that is on its way there meanwhile gets a reset.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start" and scope["app"].state.stopping:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            await send(message)

        await self._app(scope, receive, send_last)


def at_stop(app: FastAPI, let_go: Callable[[], None]) -> None:
    """Put LINGER between SIGTERM or SIGINT and uvicorn's stop, and `let_go` before it; a second signal stops at once.

    uvicorn itself tells the app of its end only when all requests are answered.
    """
    loop = asyncio.get_running_loop()

    def begin(stop: Callable[[], None]) -> None:
        if app.state.stopping:
            return stop()
        app.state.stopping = True
        let_go()
        loop.call_later(LINGER, stop)

    for name in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(name)

        def told(number: int, frame: FrameType | None, before: Any = before) -> None:
            loop.call_soon_threadsafe(begin, lambda: before(number, frame))

        if callable(before) and threading.current_thread() is threading.main_thread():  # a test client's is not
            signal.signal(name, told)
