"""The optional parts of the model and of the rows that it reads."""

from collections.abc import Callable
from typing import Any

from ..artifact import Artifact
from ..columns import Columns, column_reader, run_texts_in_parts  # optional: columns
from ..golden import check_golden  # optional: golden
from ..model import Model
from ..rows import RowFormat

Read = Callable[[Any], list[Any]]
ROW_FORMAT: type[RowFormat] = RowFormat
ROW_FORMAT = Columns  # optional: columns


def make_model(artifact: Artifact) -> Model:
    """Return the model of an artefact; raise `ArtifactRefused` if an optional part refuses it."""
    model = Model(artifact, row_format=ROW_FORMAT)
    run_texts_in_parts(model)  # optional: columns
    check_golden(model, artifact)  # optional: golden
    return model


def replace_read(read: Read, rows: Any) -> Read:
    """Return the function that reads a row of this format from JSON text: `read`, or its replacement."""
    read = column_reader(rows)  # optional: columns
    return read
