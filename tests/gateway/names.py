"""A DNS server whose answers a test may change at any time."""

import socket
import struct
import threading
from collections import defaultdict
from contextlib import suppress

TYPE_A, NO_SUCH_NAME = 1, 3


class NameServer:
    """Answers over UDP on a free port of 127.0.0.1; `addresses` holds the IPv4 addresses of each name."""

    seconds = 0.0  # that an answer takes

    def __init__(self) -> None:
        self.addresses: defaultdict[str, list[str]] = defaultdict(list)
        self._socket = socket.socket(type=socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> "NameServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            query, client = self._socket.recvfrom(4096)
            if not query:
                return
            threading.Timer(self.seconds, self._send, (self._answer(query), client)).start()

    def _send(self, answer: bytes, client: tuple[str, int]) -> None:
        with suppress(OSError):  # closed in the meantime
            self._socket.sendto(answer, client)

    def _answer(self, query: bytes) -> bytes:
        end = query.index(b"\0", 12) + 5  # the name's last byte, the type and the class
        (kind,) = struct.unpack(">H", query[end - 4 : end - 2])
        found = self.addresses[_name(query[12:])]
        records = [b"\xc0\x0c" + struct.pack(">HHIH", TYPE_A, 1, 0, 4) + socket.inet_aton(ip) for ip in found]
        records = records if kind == TYPE_A else []
        flags = 0x8180 if found else 0x8180 | NO_SUCH_NAME
        header = query[:2] + struct.pack(">HHHHH", flags, 1, len(records), 0, 0)
        return header + query[12:end] + b"".join(records)


def _name(labels: bytes) -> str:
    """Return the name that a question begins with."""
    found: list[str] = []
    while labels[0]:
        found.append(labels[1 : 1 + labels[0]].decode())
        labels = labels[1 + labels[0] :]
    return ".".join(found).lower()
