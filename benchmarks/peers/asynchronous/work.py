"""The job of all peers: a model that answers at once. It writes the count and the time of the first to TIMES_FILE.

It runs in the environments of the peers, so it imports nothing but the standard library.
"""

import os
import struct
import threading
import time

TIMES = struct.Struct("Qd")  # the jobs done, and the time of the first, in seconds since 1970
_lock = threading.Lock()
_state: dict[str, float] = {"done": 0, "first": 0}


def answer(image: bytes) -> dict[str, object]:
    """Return a label for an image."""
    assert image.startswith(b"\x89PNG"), "the image did not arrive as it was sent"
    with _lock:
        if "file" not in _state:
            _state["file"] = os.open(os.environ["TIMES_FILE"], os.O_WRONLY | os.O_CREAT, 0o600)
        _state["done"], _state["first"] = _state["done"] + 1, _state["first"] or time.time()
        os.pwrite(int(_state["file"]), TIMES.pack(int(_state["done"]), _state["first"]), 0)
    return {"label": "7", "probability": 0.99}
