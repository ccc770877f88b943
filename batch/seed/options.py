"""The options that say how a CSV file is written."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from ..artifact import open_artifact
from ..errors import ServiceError
from ..predictor import load
from ..settings import Settings
from .cells import columns_of
from .csv_rows import NewRow, read
from .dialect import Form
from .flowers import CHUNK_ROWS
from .source import open_text

PACKED = "also packed with gzip, bzip2 or xz, or - for stdin"
CsvFile = Annotated[
    Path | None,
    typer.Option("--csv", help=f"Rows to add: a file, {PACKED}. A bad line ends the load; the chunks before it stay."),
]
Key = Annotated[str | None, typer.Option(help="The name of the column with the owner's keys.")]
Columns = Annotated[str | None, typer.Option(help="The file's names, in the model's order: a,b,c. Others are skipped.")]
Names = Annotated[bool | None, typer.Option("--names/--no-names", help="Whether the first line holds names.")]
Delimiter = Annotated[str | None, typer.Option(help="Between two cells; \\t is a tab. By default what fits.")]
Decimal = Annotated[str | None, typer.Option(help="The decimal mark, . or , (by default what fits).")]
Encoding = Annotated[str | None, typer.Option(help="For example cp1252. By default UTF-8, or what a mark names.")]
OF_A_FILE = {"key", "columns", "names", "delimiter", "decimal", "encoding"}


class BadOption(ServiceError):
    """An option has an impossible value, or would be ignored."""


def check_options(context: typer.Context) -> None:
    """Raise `BadOption` unless there is one source of rows, and all options are for it."""
    given = [name for name, value in context.params.items() if value is not None]
    if ("rows" in given) == ("file" in given):
        raise BadOption("give either --rows or --csv")
    source, ignored = ("csv", {"seed"}) if "file" in given else ("rows", OF_A_FILE)
    if wrong := next((name for name in given if name in ignored), None):
        raise BadOption(f"--{wrong} has no effect on --{source}: leave it out")


def rows_of(
    settings: Settings,
    file: Path,
    form: tuple[str | None, str | None, bool | None],
    encoding: str | None,
    columns: str | None,
    key: str | None,
) -> Iterator[list[NewRow]]:
    """Yield the rows of a file, as the model that the settings name takes them."""
    delimiter, decimal, names = form
    delimiter = "\t" if delimiter == "\\t" else delimiter
    if delimiter is not None and len(delimiter) != 1:
        raise BadOption("--delimiter: give one character, or \\t")
    if decimal not in (None, ".", ","):
        raise BadOption("--decimal: give . or ,")
    artifact = open_artifact(settings.model_dir, settings.model_version, keep=None)
    manifest, read_row = artifact.manifest, load(artifact).read
    try:
        wanted = columns_of(manifest, [name.strip() for name in columns.split(",")] if columns else ())
    except ValueError as error:
        raise BadOption(f"--columns: {error}") from None
    if columns and names is None and all(column.kind is str for column in wanted):
        names = True  # other names than these would look like a row
    with open_text(file, encoding) as lines:
        yield from read(lines, wanted, read_row, CHUNK_ROWS, Form(delimiter, decimal, names), key)
