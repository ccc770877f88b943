"""Measured figures, and their output as a table and as JSON."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A quantity measured in interleaved rounds. `limit` is the value to compare it with, from the same rounds."""

    name: str
    unit: str
    ours: Sequence[float]
    limit: Sequence[float] = ()
    at_least: float | None = None  # the bar for ours / limit
    at_most: float | None = None  # the bar for ours itself

    @property
    def value(self) -> float:
        return statistics.median(self.ours)

    @property
    def limit_value(self) -> float | None:
        return statistics.median(self.limit) if self.limit else None

    @property
    def ratios(self) -> list[float]:
        """Return each round's ratio."""
        return [ours / limit for ours, limit in zip(self.ours, self.limit, strict=bool(self.limit)) if limit]

    @property
    def ratio(self) -> float | None:
        """Return the median of the rounds' ratios, because both sides of a round share the same noise."""
        return statistics.median(self.ratios) if self.ratios else None

    @property
    def holds(self) -> bool | None:
        """Return whether the bar is met, or None when there is no bar."""
        if self.at_least is not None and self.ratio is not None:
            return self.ratio >= self.at_least
        return self.value <= self.at_most if self.at_most is not None else None

    def as_json(self) -> dict[str, Any]:
        names = ("name", "unit", "value", "limit_value", "ratio", "at_least", "at_most", "holds")
        rounds = {"rounds": rounded(self.ours), "limit_rounds": rounded(self.limit)}
        return {name: value for name in names if (value := getattr(self, name)) is not None} | rounds


def rounded(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` of all values do not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def number(value: float | None) -> str:
    """Return a number with three significant digits, or more if it is large."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def two_digits(ratio: float) -> str:
    """Return a ratio with two digits after the point, or two significant ones if it is small."""
    return f"{ratio:.2f}" if ratio >= 0.1 else f"{ratio:.2g}"


def table(title: str, figures: Mapping[str, Sequence[Figure]]) -> Table:
    """Return one row for each figure: the medians of both sides, the median ratio, and whether it meets its bar."""
    shown = Table(title=title, title_justify="left")
    for name in ("comparison", "figure", "unit", "limit", "ours", "ours / limit", "bar", ""):
        shown.add_column(name, justify="left" if name in ("comparison", "figure", "unit") else "right")
    for part, rows in figures.items():
        for row in rows:
            bar = f">= {row.at_least:g}" if row.at_least is not None else ""
            bar = f"<= {row.at_most:g} {row.unit}" if row.at_most is not None else bar
            ratio = "" if row.ratio is None else two_digits(row.ratio)
            verdict = {None: "", True: "holds", False: "misses"}[row.holds]
            numbers = number(row.limit_value), number(row.value)
            shown.add_row(part, row.name, row.unit, *numbers, ratio, bar, verdict)
        shown.add_section()
    return shown
