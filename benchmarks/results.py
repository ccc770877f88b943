"""The results of a run: what each program printed, kept in `results.json`, and its figures in one form."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .report import Figure

FILE = Path(__file__).with_name("results.json")
LOADS = {"per_second": ("requests/s", 1), "p50": ("p50 ms", 1), "p99": ("p99 ms", 1), "cpu": ("CPU us", 1000)}
OF_OTHERS = ("per_second", "p99")  # all services answer one load after another, so their p50 follows from the rate


def rounded(value: Any) -> Any:
    """Return a JSON value with five significant digits in each number that is not whole."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, list):
        return [rounded(each) for each in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def load(path: Path = FILE) -> dict[str, Any]:
    """Return the results of the last run, `{}` if there are none."""
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def save(results: Mapping[str, Any], path: Path = FILE) -> None:
    """Write results, one line for each program, so that a new run changes few lines."""
    parts = []
    for name, value in results.items():
        if name in ("patterns", "peers"):
            lines = ",\n".join(f"  {json.dumps(key)}: {json.dumps(one)}" for key, one in value.items())
            parts.append(f"{json.dumps(name)}: {{\n{lines}\n}}")
        else:
            parts.append(f"{json.dumps(name)}: {json.dumps(value)}")
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n")


def figures(found: Mapping[str, Any]) -> dict[str, list[Figure]]:
    """Return the figures of one program's line of JSON, by comparison."""
    if "services" in found:
        return _of_services(found["services"])
    parts = {name: rows for name, rows in found.items() if isinstance(rows, list)}
    return {name: [_figure(row) for row in rows] for name, rows in parts.items()}


def _figure(row: Mapping[str, Any]) -> Figure:
    bars = row.get("at_least"), row.get("at_most")
    return Figure(row["name"], row["unit"], row["rounds"], row["limit_rounds"], *bars)


def _of_services(services: Mapping[str, Any]) -> dict[str, list[Figure]]:
    """Return the figures of web_single and of its alternatives, each next to the baseline."""
    limit = services["baseline"]
    loads = [name for name in limit if isinstance(limit[name][0], dict)]
    others = {name: one for name, one in services.items() if name != "baseline"}
    found = {kind: [row for name, one in others.items() for row in _of_load(name, one, limit, kind)] for kind in loads}
    for part, unit in (("megabytes", "MB resident"), ("ready_after", "s until ready")):
        found[unit] = [Figure(name, unit.partition(" ")[0], one[part], limit[part]) for name, one in others.items()]
    return found


def _of_load(name: str, one: Mapping[str, Any], limit: Mapping[str, Any], kind: str) -> list[Figure]:
    fields = LOADS if name == "web_single" else OF_OTHERS
    found = []
    for field in fields:
        title, factor = LOADS[field]
        figure, _, unit = title.rpartition(" ")
        sides = ([factor * each[field] for each in side[kind]] for side in (one, limit))
        found.append(Figure(f"{name}, {figure}" if figure else name, unit, *sides))
    return found
