"""The gunicorn worker: uvicorn, with a way to stop that resets no connection."""

import asyncio
import socket

from uvicorn.server import Server
from uvicorn_worker import UvicornWorker  # type: ignore[import-untyped]

from .protocol import Protocol

LINGER = 1.0  # seconds that an idle connection gets to bring one more request and learn that it is the last
# uvloop takes one new connection from each listener in a turn, and a turn of a busy worker takes long: from one
# listener, a hundred callers who come at once would wait for seconds in the kernel's queue, where no limit counts them.
ACCEPTED_AT_ONCE = 16


class LingeringServer(Server):
    """Says `connection: close` in each last answer, before it closes what is still idle then.

    uvicorn closes idle connections at once, and a request that is on its way there meanwhile gets a reset.
    """

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new connection, let the old ones end with an answer, and leave the rest to uvicorn."""
        # New connections wait in the queue that all workers and the master share.
        for listener in self.servers:
            listener.close()
        for shared in sockets or []:
            shared.close()
        # Responses that were begun hold the same list, so they carry the header too.
        self.server_state.default_headers.append((b"connection", b"close"))
        loop = asyncio.get_running_loop()
        end = loop.time() + LINGER
        while self.server_state.connections and loop.time() < end:  # noqa: ASYNC110 - a set tells nobody that it is empty
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


class Worker(UvicornWorker):
    """`UvicornWorker` with a `LingeringServer` that speaks our `Protocol`."""

    CONFIG_KWARGS = {"loop": "auto", "http": Protocol}  # noqa: RUF012 - as gunicorn's worker spells it

    async def _serve(self) -> None:
        self.config.app = self.wsgi
        self._install_sigquit_handler()
        listeners = [shared.dup() for shared in self.sockets for _ in range(ACCEPTED_AT_ONCE)]
        for shared in self.sockets:
            shared.close()  # or it would queue connections after the others have closed
        await LingeringServer(self.config).serve(sockets=listeners)
