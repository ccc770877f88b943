"""The rows of a run: how many there are, and how those of a scope are claimed."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Select, String, Text, and_, func, literal, not_, or_, select, type_coerce

from .queries import locked, not_by
from .schema import STORED, require
from .scope import Cursor, Part, Scope
from .tables import Item, State

BY_AGE = "FORCE INDEX (items_scope)"
created = type_coerce(Item.created_at, String)  # SQLite keeps times as text without fractions, and compares them so


def waiting(connection: Connection, scope: Scope, model_version: int, max_attempts: int | None) -> dict[State, int]:
    """Count by state what a run can claim, out of the indexes; `failed` are those with attempts left.

    The same statement brings the schema's revision along, so that a run without rows costs one.

    Raises:
        SchemaTooOld: the revision is older than this code.
    """
    counts = []
    states = (State.DONE,) if scope.rescore else (State.PENDING, State.FAILED)
    for state in states:
        query = _in_scope(select(literal(1)).where(Item.state == state), scope)
        if state is State.DONE:
            query = query.where(Item.model_version < model_version)
        elif scope.by_age:
            query = query.where(Item.model_version.is_(None)).with_hint(Item, BY_AGE)
        if state is State.FAILED and max_attempts is not None:
            query = query.where(Item.attempts < max_attempts)
        found = query.limit(scope.max_rows).subquery()
        counts.append(select(func.count()).select_from(found).scalar_subquery())
    revision, *numbers = connection.execute(select(STORED, *counts)).one()
    require(revision)
    return dict(zip(states, numbers, strict=True))


def parts(connection: Connection, scope: Scope, model_version: int) -> list[Part]:
    """Return the parts of the table that a run walks through: first what failed earlier, or each older model's rows."""
    if not scope.rescore:
        return [Part(State.FAILED), Part(State.PENDING)]
    older = (Item.state == State.DONE, Item.model_version < model_version)
    versions = connection.scalars(select(Item.model_version).where(*older).distinct().order_by(Item.model_version))
    return [Part(State.DONE, version) for version in versions]


def claim(
    connection: Connection, part: Part, scope: Scope, after: Cursor | None, limit: int, max_attempts: int | None
) -> tuple[list[tuple[int, Any]], Cursor | None]:
    """Do as `queries.claim` does for the rows of one part in a scope, the oldest first; return the last row's place."""
    query = _in_scope(select(Item.id, type_coerce(Item.values, Text), created), scope)
    query = query.where(Item.state == part.state, Item.model_version == part.model_version)
    if after:  # two ranges of one index
        behind = and_(created == after.created_at, Item.id > after.id)
        query = query.where(or_(behind, created > after.created_at))
    query = query.order_by(Item.created_at, Item.id).limit(limit).with_hint(Item, BY_AGE)
    rows = connection.execute(locked(query, max_attempts)).all()
    return [(row[0], row[1]) for row in rows], Cursor(rows[-1][0], str(rows[-1][2])) if rows else None


def claim_again(
    connection: Connection, ids: Iterable[int], model_version: int, max_attempts: int | None
) -> Sequence[tuple[int, Any]]:
    """Lock those of the rows `ids` that still have no prediction of this model version."""
    query = select(Item.id, type_coerce(Item.values, Text)).where(Item.id.in_(ids), not_by(model_version))
    return [(row[0], row[1]) for row in connection.execute(locked(query, max_attempts))]


def done(connection: Connection, ids: Iterable[int], model_version: int) -> set[int]:
    """Return those of the rows `ids` that have a prediction of this model version, or of a newer one."""
    return set(connection.scalars(select(Item.id).where(Item.id.in_(ids), not_(not_by(model_version)))))


def _in_scope(query: Select[*tuple[Any, ...]], scope: Scope) -> Select[*tuple[Any, ...]]:
    query = query.where(created >= scope.since) if scope.since else query
    return query.where(created < scope.until) if scope.until else query
