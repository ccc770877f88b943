"""What is counted: `counters.lua` counts, and `metrics.py` shows the totals.

In Redis, `job_counters` is a hash. Its lifetime is COUNTERS_LIFETIME after the last change.
"""

from collections.abc import Mapping

from ..keys import milliseconds

KEYS = {"COUNTERS": "job_counters"}
COUNTERS_LIFETIME = 30 * 86_400  # seconds
LATENCY_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)  # seconds
BATCH_BOUNDS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)  # jobs


class Numbers(tuple[int, ...]):
    """Numbers whose `repr` is a Lua table."""

    def __repr__(self) -> str:
        return f"{{{', '.join(map(str, self))}}}"


def constants() -> Mapping[str, object]:
    """Return the constants of `counters.lua`, besides KEYS."""
    return {
        "COUNTERS_LIFETIME": milliseconds(COUNTERS_LIFETIME),
        "LATENCY_BOUNDS": Numbers(map(milliseconds, LATENCY_BOUNDS)),
        "BATCH_BOUNDS": Numbers(BATCH_BOUNDS),
    }
