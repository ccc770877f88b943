"""Delay the stop of an HTTP server, so that each connection can still get an answer with `connection: close`.

uvicorn alone would close idle connections at once, and a request that is on its way would get a reset.

Twin: web_single/workers and asynchronous/server hold this file byte for byte.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

from fastapi import FastAPI

LINGER = 1.0  # seconds in which an idle connection may bring one more request, and learn that it is the last


def delay_stop(app: FastAPI, before: Callable[[], None] = lambda: None) -> None:
    """Call `before` at SIGTERM or SIGINT, and let the server stop LINGER seconds later; a second signal stops it now.

    Call this while the application starts: the server's own signal handlers are installed by then. `app.state.stopping`
    is true from the first signal on.
    """
    loop = asyncio.get_running_loop()
    app.state.stopping = False

    def begin(stop: Callable[[], None]) -> None:
        if app.state.stopping:
            return stop()
        app.state.stopping = True
        before()
        loop.call_later(LINGER, stop)

    for name in (signal.SIGTERM, signal.SIGINT):
        handler = signal.getsignal(name)

        def handle(number: int, frame: FrameType | None, handler: Any = handler) -> None:
            loop.call_soon_threadsafe(begin, lambda: handler(number, frame))

        if callable(handler) and threading.current_thread() is threading.main_thread():  # not under a test client
            signal.signal(name, handle)
