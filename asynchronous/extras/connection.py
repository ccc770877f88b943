"""The optional parts of the connection to Redis."""

from collections.abc import Callable
from typing import Any

from ..checks.redis_errors import explain_kind  # optional: checks
from ..connections.forms import connect_async_by_form, connect_by_form  # optional: connections
from ..errors import RedisAway

Explain = Callable[[Exception], RedisAway]
Make = Callable[..., Any]


def replace_explain(explain: Explain) -> Explain:
    """Return the function that turns an error of Redis into one of ours: `explain`, or its replacement."""
    explain = explain_kind  # optional: checks
    return explain


def replace_make(make: Make) -> Make:
    """Return the function that makes the worker's client from a URL: `make`, or its replacement."""
    make = connect_by_form  # optional: connections
    return make


def replace_make_async(make: Make) -> Make:
    """Return the function that makes the proxy's client from a URL: `make`, or its replacement."""
    make = connect_async_by_form  # optional: connections
    return make
