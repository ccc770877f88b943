"""How calls fail, and whether they fail within their budget."""

import time

import pytest

from synchronous.client import ServingError, connect

BUDGET, LATE = 0.3, 0.05  # seconds
TRIES = 8  # one in time is enough: on a busy machine a program may get the CPU too late


def fails(protocol, target, timeout):
    """Return the code of the failure and the seconds it took."""
    with connect(protocol, target) as client:
        begin = time.monotonic()
        with pytest.raises(ServingError) as caught:
            client.predict([b"image"], timeout)
        return caught.value.code, time.monotonic() - begin


def in_time(protocol, target, codes):
    """Return whether a call fails with one of `codes` at most LATE after its budget."""
    return any(
        code in codes and seconds < BUDGET + LATE
        for code, seconds in (fails(protocol, target, BUDGET) for _ in range(TRIES))
    )
