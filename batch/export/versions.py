"""The shapes of the model versions that have predicted rows, so that an export needs no files of the models."""

from typing import Any

from sqlalchemy import JSON, Connection, func, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from ..errors import Exit, ServiceError
from ..model import Model
from ..runner import Runner
from ..tables import UTF8, Base, Item, State

Shape = dict[str, Any]


class VersionDiffers(ServiceError):
    """The number of a version was used for a model with other inputs or labels."""

    exit_code = Exit.ARTEFACT


class ModelVersion(Base):
    """What an export needs to know about a version: its task, its inputs, its answer and its labels."""

    __tablename__ = "model_versions"
    __table_args__ = UTF8

    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    shape: Mapped[Shape] = mapped_column(JSON)


def remember_version(runner: Runner) -> None:
    """Store the shape of the model that a run uses.

    Raises:
        VersionDiffers: a model with other inputs or labels had this number.
    """
    shape = shape_of(runner.model.model)
    if runner.retry(_remember, runner, shape) != shape:
        fix = "give this model a version of its own"
        raise VersionDiffers(f"version {runner.model.version} had other inputs or labels when it predicted rows; {fix}")


def _remember(runner: Runner, shape: Shape) -> Shape:
    values = {"version": runner.model.version, "shape": shape}
    with runner.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.execute(sqlite.insert(ModelVersion).values(values).on_conflict_do_nothing())
        else:
            new = mysql.insert(ModelVersion).values(values)
            connection.execute(new.on_duplicate_key_update(version=ModelVersion.version))
        return read_versions(connection)[runner.model.version]


def read_versions(connection: Connection) -> dict[int, Shape]:
    """Return the shapes that are stored, by version."""
    return dict(connection.execute(select(ModelVersion.version, ModelVersion.shape)).tuples().all())


def newest_of_rows(connection: Connection) -> int | None:
    """Return the highest version that has predicted a row which is done."""
    return connection.scalar(select(func.max(Item.model_version)).where(Item.state == State.DONE))


def shape_of(model: Model) -> Shape:
    """Return the shape of a model; its inputs and outputs are those of the graph."""
    answer = {"task": model.task, "labels": model.labels, "output": model.output}
    return answer | {"inputs": model.inputs, "outputs": model.outputs}
