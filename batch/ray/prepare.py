"""Plan a run, and check that input, columns, model and output fit together before anything is written."""

from collections.abc import Sequence
from typing import Any

import pyarrow

from ..artifact import open_artifact
from ..predictor import load
from ..settings import Settings
from .features import ColumnsRefused, Feature, find_features, find_field
from .places import Place, PlaceRefused
from .plan import find_parts
from .run import Run, make_plan
from .score import Job
from .tables import Tables

BATCH_ROWS, BATCH_VALUES = 4_096, 1 << 24  # in one run of the model


def prepare(
    settings: Settings,
    source: Place,
    output: Place,
    columns: Sequence[str] = (),
    keep: Sequence[str] | None = None,
    part_rows: int = 250_000,
) -> Run:
    """Return the run that the arguments ask for.

    Args:
        columns: those of the model, in the order of its inputs; none means the names of the inputs.
        keep: the columns to copy; None means all that the model does not take.

    Raises:
        ServiceError, ArtifactRefused: something cannot be read, or does not fit; the message is one line.
    """
    if source.contains(output) or output.contains(source):
        raise PlaceRefused(f"{output.path} and {source.path} are in each other; choose another folder")
    artifact = open_artifact(settings.model_dir.absolute(), settings.model_version, keep=None)
    model = load(artifact).model
    parts, schemas = find_parts(source, part_rows)
    schema = next(iter(schemas.values()))
    features = find_features(model, schema, columns)
    fields = _kept(schema, features, keep)
    _check_types(schemas, [name for feature in features for name in feature.columns], fields)
    Tables(model, fields)
    # A local folder gets its name when it is complete. An object store cannot rename one: _SUCCESS is the last file.
    unfinished = output.at(f"{output.path}.unfinished") if output.is_local else output
    files = artifact.manifest["files"]
    batch_rows = max(1, min(BATCH_ROWS, BATCH_VALUES // sum(feature.width for feature in features)))
    job = Job(source, unfinished, artifact.path.parent, artifact.version, files, features, fields, batch_rows)
    options = {"columns": list(columns), "keep": [field.name for field in fields], "part_rows": part_rows}
    return Run(job, output, make_plan(job, options, parts), parts)


def _kept(schema: Any, features: Sequence[Feature], keep: Sequence[str] | None) -> list[Any]:
    """Return the fields of the columns to copy."""
    taken = {column for feature in features for column in feature.columns}
    if keep is None:
        fields = [field for field in schema if field.name not in taken]
    else:
        fields = [find_field(schema, name, "--keep: ") for name in keep]
    for field in fields:
        try:
            pyarrow.nulls(0, field.type).take(pyarrow.array([], pyarrow.int64()))
        except pyarrow.ArrowNotImplementedError:
            fix = "which Arrow cannot copy; choose what is copied with --keep"
            raise ColumnsRefused(f"column {field.name!r} is {field.type}, {fix}") from None
    return fields


def _check_types(schemas: dict[str, Any], columns: Sequence[str], fields: Sequence[Any]) -> None:
    """Raise `ColumnsRefused` unless all files have the columns that are used, each with one type."""
    (first, schema), *others = schemas.items()
    for path, other in others:
        for name in [*columns, *(field.name for field in fields)]:
            kinds = [str(field.type) for field in other if field.name == name]
            if kinds != [str(schema.field(name).type)]:
                seen = " and ".join(kinds) or "not there"
                raise ColumnsRefused(f"{path}: column {name!r} is {seen}, in {first} it is {schema.field(name).type}")
