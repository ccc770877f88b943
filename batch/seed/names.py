"""What the first line of a CSV file looks like: numbered by pandas, numbers in order, or the names of the columns."""

from collections.abc import Sequence

from .cells import Column


def is_numbered(names: Sequence[str]) -> bool:
    """Return whether the names count up from 0, as those of pandas do. An index has an empty name."""
    given = names[names[:1] == [""] :]
    return len(given) > 0 and list(given) == [str(number) for number in range(len(given))]


def in_order(first: list[str]) -> bool:
    """Return whether cells hold whole numbers that rise, or more than two that fall, as wave numbers do."""
    given = [cell.strip() for cell in first[first[:1] == [""] :]]
    if not given or not all(cell.isascii() and cell.isdigit() for cell in given):
        return False
    numbers = [int(cell) for cell in given]
    rising = sorted({*numbers})
    return numbers == rising or (len(numbers) > 2 and numbers[::-1] == rising)


def holds_names(first: list[list[str]], columns: Sequence[Column]) -> bool:
    """Return whether the first line, if there is one, holds a name of each column."""
    cells = {cell.strip() for row in first for cell in row}
    return all(cells.intersection(column.names) for column in columns)


def splits_one_number(rows: list[list[str]], columns: Sequence[Column]) -> bool:
    """Return whether rows for a single number all have the same number of cells, two or more, and no names."""
    if len(columns) > 1 or columns[0].kind not in (int, float) or holds_names(rows[:1], columns):
        return False
    widths = {len(cells) for cells in rows}
    return len(widths) == 1 and widths != {1}
