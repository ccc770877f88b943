"""How this proxy ends its connections. `http.py` is the HTTP/1.1 part: uvicorn's option `--http` names it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.requests import ClientDisconnect

from .last_answers import LastAnswers
from .stopping import delay_stop
from .unread_body import DiscardUnreadBody


def add_server_rules(app: FastAPI) -> None:
    """Add both middlewares, in either order, and answer all waiting clients when the server is told to stop."""

    def answer_waiting_clients() -> None:
        for action in app.state.at_stop:
            action()

    @asynccontextmanager
    async def delayed_stop(_: FastAPI) -> AsyncIterator[None]:
        delay_stop(app, answer_waiting_clients)
        yield

    for name in ("uvicorn", "uvicorn.access"):  # uvicorn's lines go where the program's go
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    app.add_exception_handler(ClientDisconnect, _no_client)
    app.state.stopping = False
    app.state.contexts.append(delayed_stop)
    app.add_middleware(LastAnswers)
    app.add_middleware(DiscardUnreadBody)


async def _no_client(_: Request, __: Exception) -> Response:
    """Answer a client that has disconnected: nobody receives it, and it is not an error of this program."""
    return Response(status_code=400)
