"""A picture of ratios as SVG: a bar from 1 to the median of the rounds, a line from the least to the greatest.

The scale is logarithmic, so twice as much and half as much are equally far from 1. Colours follow the reader's setting.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from .report import Figure, number, two_digits
from .results import figures

WIDTH, ROW, TOP = 880, 18, 64
LEFT, RIGHT = 340, 620  # of the bars; names stand left of them, ratios and medians right
RATIO, MEDIAN = RIGHT + 14, RIGHT + 64
GAP = 14
MOST_TICKS = 7
STYLE = """
text { font: 12px -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .part { font-weight: 600 } .small { font-size: 11px; fill: #59636e }
.page { fill: #ffffff } .rate { fill: #0969da } .cost { fill: #bc4c00 } .grid { stroke: #d1d9e0 }
.one { stroke: #1f2328 } .spread { stroke: #1f2328; stroke-width: 1.5 } .bar { stroke: #1a7f37; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .small { fill: #9198a1 } .page { fill: #0d1117 } .rate { fill: #4493f8 } .cost { fill: #db6d28 }
.grid { stroke: #3d444d } .one, .spread { stroke: #f0f6fc } .bar { stroke: #3fb950 } }
"""


class Scale:
    """Maps ratios to horizontal positions."""

    def __init__(self, ratios: Sequence[float]) -> None:
        """Cover `ratios`, and from a half to twice in any case."""
        logs = [math.log10(ratio) for ratio in (0.5, 2.0, *ratios) if ratio > 0]
        self._low, self._high = min(logs) - 0.03, max(logs) + 0.03

    def x(self, ratio: float) -> float:
        place = math.log10(ratio) if ratio > 0 else self._low
        share = (max(place, self._low) - self._low) / (self._high - self._low)
        return round(LEFT + share * (RIGHT - LEFT), 1)

    @property
    def ticks(self) -> list[float]:
        """Return round numbers on the scale."""
        decades = range(math.floor(self._low), math.ceil(self._high))
        for steps in ((1, 2, 5), (1, 3), (1,)):
            found = [float(f"{step}e{decade}") for decade in decades for step in steps]
            found = [each for each in found if self._low <= math.log10(each) <= self._high]
            if len(found) <= MOST_TICKS:
                break
        return found


def draw(title: str, parts: Mapping[str, Sequence[Figure]], limit: str = "the limit") -> str:
    """Return the SVG: a row for each figure, with its median ratio to `limit` and its own median."""
    scale = Scale([ratio for rows in parts.values() for row in rows for ratio in (*row.ratios, row.at_least or 1)])
    rows, y = list[str](), TOP
    for part, of_part in parts.items():
        rows.append(_text(10, y + 12, part, "part"))
        y += ROW
        for figure in of_part:
            rows += _row(figure, scale, y)
            y += ROW
        y += GAP
    bars = any(figure.at_least is not None for of_part in parts.values() for figure in of_part)
    described = f"{title}: the median ratio of each figure to {limit}, with the least and the greatest of the rounds"
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(described)}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{WIDTH}" height="{y}"/>',
        _text(10, 22, title, "title"),
    ]
    return "\n".join([*head, *_legend(limit, bars), *_grid(scale, y - GAP), *rows, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "") -> str:
    styled = f' class="{kind}"' if kind else ""
    styled += f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x:g}" y="{y:g}"{styled}>{escape(text)}</text>'


def _legend(limit: str, bars: bool) -> Iterator[str]:
    yield '<rect class="rate" x="10" y="33" width="10" height="10"/>'
    yield _text(25, 42, "higher is better", "small")
    yield '<rect class="cost" x="125" y="33" width="10" height="10"/>'
    yield _text(140, 42, "lower is better", "small")
    if bars:
        yield '<line class="bar" x1="240" x2="240" y1="31" y2="45"/>'
        yield _text(247, 42, "must reach", "small")
    yield _text(RATIO, 56, f"ratio to {limit}, and median", "small")


def _grid(scale: Scale, bottom: float) -> Iterator[str]:
    for tick in scale.ticks:
        x = scale.x(tick)
        yield f'<line class="{"one" if tick == 1 else "grid"}" x1="{x:g}" x2="{x:g}" y1="60" y2="{bottom:g}"/>'
        yield _text(x, 56, f"{tick:g}", "small", "middle")


def _row(figure: Figure, scale: Scale, y: float) -> Iterator[str]:
    yield _text(20, y + 13, figure.name)
    median = f"{number(figure.value)} {figure.unit}".strip()
    yield _text(MEDIAN, y + 13, median)
    if figure.ratio is None:
        return
    one, end, kind = scale.x(1), scale.x(figure.ratio), "rate" if figure.unit.endswith("/s") else "cost"
    yield f'<rect class="{kind}" x="{min(one, end):g}" y="{y + 4}" width="{abs(end - one):.1f}" height="10"/>'
    low, high = scale.x(min(figure.ratios)), scale.x(max(figure.ratios))
    yield f'<line class="spread" x1="{low:g}" x2="{high:g}" y1="{y + 9}" y2="{y + 9}"/>'
    if figure.at_least is not None:
        bar = scale.x(figure.at_least)
        yield f'<line class="bar" x1="{bar:g}" x2="{bar:g}" y1="{y + 2}" y2="{y + 16}"/>'
    yield _text(RATIO, y + 13, two_digits(figure.ratio))


def of_results(found: Mapping[str, Any]) -> dict[str, str]:
    """Return the pictures of a run by their file names: one for each pattern, one for the peers of a pattern."""
    patterns = {f"{name}.svg": draw(name, figures(run["found"])) for name, run in found["patterns"].items()}
    peers = {name: figures(run["found"]["figures"]) for name, run in found["peers"].items()}
    drawn = {f"{name}-peers.svg": draw(f"Peers of {name}", parts, "ours") for name, parts in peers.items() if parts}
    return patterns | drawn
