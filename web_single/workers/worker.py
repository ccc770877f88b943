"""The gunicorn worker: uvicorn, stopped and recycled without a reset.

gunicorn's own ASGI worker would do less: it parses HTTP in Python, which takes more CPU time, never disconnects a
client that stops reading, and at a stop waits for idle connections without a limit of its own.
"""

import gc
import signal
import socket

from fastapi import FastAPI
from uvicorn.config import Config
from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from .http import Protocol
from .stopping import delay_stop

# uvloop accepts one connection from each listener in an iteration of the event loop, and an iteration of a busy worker
# takes long. With a single listener, a hundred clients that connect at once would wait for seconds in the kernel's
# queue, where no limit counts them.
LISTENERS = 16


class DrainingServer(Server):
    """A uvicorn server that stops as `stopping.py` describes, and closes its listeners first.

    New connections then wait in the kernel's queue, which this worker shares with the other workers and the master.
    """

    def __init__(self, config: Config, app: FastAPI) -> None:
        super().__init__(config)
        self._app = app

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then take over the signals that stop the server."""
        await super().startup(sockets)

        def let_connections_end() -> None:
            for server in self.servers:
                server.close()
            for listener in sockets or []:
                listener.close()
            # The next answer on each connection is its last. A request in progress may hold an older list of headers.
            self.server_state.default_headers.append((b"connection", b"close"))
            for connection in self.server_state.connections:
                if isinstance(connection, Protocol) and connection.cycle and not connection.cycle.response_complete:
                    connection.shutdown()

        delay_stop(self._app, let_connections_end)

    async def on_tick(self, counter: int) -> bool:
        """Return whether to stop now. uvicorn calls this ten times a second."""
        if self._app.state.stopping:
            return self.should_exit or not self.server_state.connections
        if await super().on_tick(counter):  # --max-requests is reached
            signal.raise_signal(signal.SIGTERM)
        return False


class Worker(UvicornWorker):
    """`UvicornWorker` with a `DrainingServer` that speaks our `Protocol`."""

    # uvicorn would check and write `server: uvicorn` with each answer, which takes a hundredth of the time of one row.
    CONFIG_KWARGS = {"loop": "auto", "http": Protocol, "server_header": False}  # noqa: RUF012 - as in the base class

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        self._install_sigquit_handler()
        listeners = [shared.dup() for shared in self.sockets for _ in range(LISTENERS)]
        for shared in self.sockets:
            shared.close()  # else it would queue connections after its duplicates are closed
        # From now on the garbage collector skips everything that was loaded.
        gc.collect()
        gc.freeze()
        await DrainingServer(self.config, self.wsgi).serve(sockets=listeners)
