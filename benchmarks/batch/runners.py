"""The real job: one, two and four runners, sizes of a chunk, memory, and a large table with little to do."""

from collections.abc import Sequence

from ..report import Figure
from .baseline import update
from .environment import Environment, Run

BARS = {1: 0.25, 2: 0.42}  # by the number of runners
MOST_MEGABYTES = 250
MOST_FOR_A_LARGE_TABLE = 1.3


def compare_speed(
    environment: Environment, rounds: int, rows: int, runners: Sequence[int], chunks: Sequence[int]
) -> list[Figure]:
    """Measure the whole job, each time next to one UPDATE of all rows: by runners, then by chunks."""
    environment.create("runners", rows).dispose()
    sides: dict[str, tuple[int, int | None]] = {f"{count} runner{'s'[: count > 1]}": (count, None) for count in runners}
    sides |= {f"1 runner, chunks of {chunk_rows:,}": (1, chunk_rows) for chunk_rows in chunks}
    speeds = {name: list[float]() for name in sides}
    limits = {name: list[float]() for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            limits[name].append(rows / update(environment, "runners"))
            environment.refill("runners")
            speeds[name].append(rows / environment.run("runners", *side).seconds)
    bars = {name: BARS.get(count) for name, (count, chunk_rows) in sides.items() if chunk_rows is None}
    return [Figure(name, "rows/s", speeds[name], limits[name], at_least=bars.get(name)) for name in sides]


def compare_sizes(environment: Environment, rounds: int, rows: int) -> list[Figure]:
    """Measure the memory for 1 %, 10 % and all of `rows`; then the time for 1 % of new rows among predicted rows."""
    hundredth, tenth, whole = (_filled(environment, rows // share) for share in (100, 10, 1))
    peaks = {size: environment.run(database).megabytes for size, database in ((rows // 10, tenth), (rows, whole))}
    alone, among = list[Run](), list[Run]()
    for _ in range(rounds):
        environment.refill(hundredth)
        alone.append(environment.run(hundredth))
        with environment.connect() as connection:
            new = f"INSERT {whole}.items (`values`) SELECT `values` FROM {hundredth}.source"  # noqa: S608
            connection.cursor().execute(new)
        among.append(environment.run(whole))
    name = f"{rows // 100:,} new rows among {rows:,}, against alone"
    ratios = [one.seconds / other.seconds for one, other in zip(among, alone, strict=True)]
    return [
        Figure(f"peak RSS, {rows // 100:,} rows", "MB", [run.megabytes for run in alone]),
        Figure(f"peak RSS, {rows // 10:,} rows", "MB", [peaks[rows // 10]]),
        Figure(f"peak RSS, {rows:,} rows", "MB", [peaks[rows]], at_most=MOST_MEGABYTES),
        Figure(name, "times", ratios, at_most=MOST_FOR_A_LARGE_TABLE),
    ]


def _filled(environment: Environment, rows: int) -> str:
    database = f"rows{rows}"
    environment.create(database, rows).dispose()
    environment.refill(database)
    return database
