"""How a child shows its parent that it does not hang, and that it has begun to work."""

import ctypes
import time


class Heartbeat(ctypes.Structure):
    """Memory shared by parent and child, without locks that a killed process could leave locked."""

    _fields_ = (("beat_at", ctypes.c_double), ("has_claimed", ctypes.c_bool))
    beat_at: float  # when the child last showed that it does not hang, in monotonic seconds
    has_claimed: bool  # the child has claimed a job

    def beat(self) -> None:
        self.beat_at = time.monotonic()


inherited: list[Heartbeat] = []  # in a child: its own heartbeat
