"""Requests without a pause, each of them counted."""

import asyncio
import math
import threading
from collections import Counter

BODY = b'{"data": [[5.1, 3.5, 1.4, 0.2]]}'
HEAD = b"POST /predict HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: %d\r\n" % len(BODY)
LASTING, FRESH = HEAD + b"\r\n" + BODY, HEAD + b"connection: close\r\n\r\n" + BODY


class Load:
    """Clients in their own thread: some keep their connection, some open one for each request.

    A request that was sent is in `statuses` if its whole answer arrived, else in `failures`. A connection that
    was refused carried no request: it is in `turned_away`.
    """

    def __init__(self, port: int, lasting: int = 6, fresh: int = 2, total: int | None = None) -> None:
        self.statuses: Counter[int] = Counter()
        self.failures: list[str] = []
        self.turned_away = 0
        self.versions: list[list[int]] = [[] for _ in range(lasting + fresh)]  # of each client, in order
        self.hanging_up = threading.Event()  # from now on no client connects again
        self._port, self.lasting = port, lasting
        self._left: float = total or math.inf
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left = 0
        self.wait()

    def wait(self) -> "Load":
        """Return when every client has finished."""
        self._thread.join(200)
        assert not self._thread.is_alive()
        return self

    async def _run(self) -> None:
        callers = [self._call(seen, LASTING if i < self.lasting else FRESH) for i, seen in enumerate(self.versions)]
        await asyncio.gather(*callers)

    async def _call(self, versions: list[int], request: bytes) -> None:
        while self._left > 0 and not self.hanging_up.is_set():
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                await self._talk(reader, writer, versions, request)
                writer.close()
            except ConnectionRefusedError:
                self.turned_away += 1
                await asyncio.sleep(0.01)
            except (OSError, asyncio.IncompleteReadError) as error:
                self.failures.append(repr(error))

    async def _talk(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, versions: list[int], request: bytes
    ) -> None:
        lasts = True
        while lasts and self._left > 0:
            self._left -= 1
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            self.statuses[int(head.split(b" ", 2)[1])] += 1
            versions.append(int(head.split(b"model-version: ")[1].split(b"\r\n")[0]))
            lasts = b"connection: close" not in head
