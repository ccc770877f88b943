"""The range of a slider."""

from math import ceil, floor, isfinite, log10
from typing import Any

import numpy as np

EXACT = 2**53  # a slider's value is a float64, which holds every whole number up to here


def span(values: list[Any], dtype: str) -> dict[str, str] | None:
    """Return the `min`, `max` and `step` of a slider around known values, or None if no slider can show them."""
    whole = not dtype.startswith("float")
    finite = [value for value in values if isfinite(value)] or [0]
    low, high = min(finite), max(finite)
    if whole and max(-low, high) > EXACT:
        return None
    if low == high:  # a single value has no range: from 0 to twice the value
        low, high = (min(0, 2 * low), max(0, 2 * high)) if low else (-1, 1)
    width = high - low
    if not 1e-300 < width < 1e300:
        return None
    digits = 2 - floor(log10(width))  # a hundred steps or more
    digits = min(digits, 0) if whole else digits
    # A tenth more at both ends, but not beyond 0 if all values have one sign.
    start = _rounded(floor, max(low - width / 10, 0) if low >= 0 else low - width / 10, digits)
    stop = _rounded(ceil, min(high + width / 10, 0) if high <= 0 else high + width / 10, digits)
    limits = np.iinfo(dtype) if whole else np.finfo(dtype)
    ends = max(start, float(limits.min)), min(stop, float(limits.max))
    return dict(zip(("min", "max", "step"), (_text(each, digits) for each in (*ends, 10.0**-digits)), strict=True))


def _rounded(direction: Any, value: float, digits: int) -> Any:
    scale = 10 ** abs(digits)
    return direction(value * scale) / scale if digits > 0 else direction(value / scale) * scale


def _text(value: float, digits: int) -> str:
    return f"{value:.{max(digits, 0)}f}"
