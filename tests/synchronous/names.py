"""A name server on this machine, whose answers a test changes."""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_A = 1  # the type of a query for IPv4 addresses


class Names:
    """Answers each query for IPv4 addresses with `addresses`, whatever the name."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))

    def target(self, port: int) -> str:
        """Return gRPC's address for a name that this server knows, and a port."""
        return f"dns://127.0.0.1:{self.socket.getsockname()[1]}/serving.test:{port}"

    def answer(self) -> None:
        """Answer until the socket is shut down."""
        while True:
            question, sender = self.socket.recvfrom(512)
            if not question:
                return
            end = question.index(b"\0", 12) + 5
            known = self.addresses if question[end - 4 : end - 2] == struct.pack(">H", _A) else []
            records = [b"\xc0\x0c" + struct.pack(">HHIH", _A, 1, 0, 4) + socket.inet_aton(each) for each in known]
            header = question[:2] + struct.pack(">HHHHH", 0x8180, 1, len(known), 0, 0)
            self.socket.sendto(header + question[12:end] + b"".join(records), sender)


@contextmanager
def name_server() -> Iterator[Names]:
    names = Names()
    thread = threading.Thread(target=names.answer)
    thread.start()
    with names.socket:
        yield names
        names.socket.sendto(b"", names.socket.getsockname())
        thread.join()
