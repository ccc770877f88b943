"""RESULTS.md, written from the results of one run and from nothing else."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .peers.reasons import REASONS
from .report import Figure, number, two_digits
from .results import figures

FILE = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

`make bench` writes this file and `pictures/` from `results.json`. Do not edit them; a test compares them.
[README.md](README.md) says what is compared and how to read it. Figures of different machines cannot be compared; the
ratios can, with care.
"""
COLUMNS = "| figure | unit | limit | measured | min … max | measured / limit | min … max | bar |"
PEER_COLUMNS = "| figure | unit | ours | peer | min … max | peer / ours | min … max |"


def written(results: Mapping[str, Any]) -> str:
    """Return the text of RESULTS.md."""
    lines = [HEAD, *_pairs("machine", results["machine"]), *_pairs("versions", results["versions"])]
    for pattern, run in results["patterns"].items():
        lines += [f"## {pattern}", "", *_run(run), f"![{pattern}](pictures/{pattern}.svg)", ""]
        lines += _tables(figures(run["found"]))
    for pattern, run in results.get("peers", {}).items():
        lines += [f"## Peers of {pattern}", "", *_run(run), *_peers(pattern, run["found"])]
    return "\n".join(lines).rstrip() + "\n"


def _pairs(title: str, pairs: Mapping[str, str]) -> list[str]:
    return [f"| {title} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in pairs.items()), ""]


def _run(run: Mapping[str, Any]) -> list[str]:
    loads = f"load average {run['load_before']:.2f} before and {run['load_after']:.2f} after"
    return [f"`{run['command']}`, {run['date']}, {run['seconds']:.0f} s, {loads}.", ""]


def _tables(parts: Mapping[str, Sequence[Figure]]) -> Iterator[str]:
    for part, rows in parts.items():
        yield from (f"**{part}**", "", COLUMNS, "|---|---|--:|--:|--:|--:|--:|---|")
        yield from (f"| {row.name} | {' | '.join(_cells(row))} | {_bar(row)} |" for row in rows)
        yield ""


def _cells(row: Figure) -> list[str]:
    spread = f"{number(min(row.ours))} … {number(max(row.ours))}"
    ratios = row.ratios
    limit = number(statistics.median(row.limit)) if row.limit else ""
    ratio = two_digits(row.ratio) if row.ratio is not None else ""
    between = f"{two_digits(min(ratios))} … {two_digits(max(ratios))}" if ratios else ""
    return [row.unit, limit, number(row.value), spread, ratio, between]


def _bar(row: Figure) -> str:
    bar = f"≥ {row.at_least:g}" if row.at_least is not None else ""
    bar = f"≤ {row.at_most:g} {row.unit}".strip() if row.at_most is not None else bar
    return f"{bar}: {'holds' if row.holds else '**misses**'}" if bar else ""


def _peers(pattern: str, found: Mapping[str, Any]) -> Iterator[str]:
    measured = figures(found["figures"])
    if measured:
        yield from (f"![peers of {pattern}](pictures/{pattern}-peers.svg)", "")
    for peer, reason in REASONS[pattern].items():
        if peer in measured:
            versions = ", ".join(found["versions"].get(peer, []))
            title = f"**{peer}** ({versions})" if versions else f"**{peer}**"
            yield from (title, "", reason, "", PEER_COLUMNS, "|---|---|--:|--:|--:|--:|--:|")
            yield from (f"| {row.name} | {' | '.join(_cells(row))} |" for row in measured[peer])
            yield ""
        elif peer in found["not_measured"]:
            yield from (f"**{peer}**: not measured: {found['not_measured'][peer]}", "")
