"""Requests with an `Idempotency-Key`: sent again within a week, a request gets its first answer."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from pydantic_core import to_json
from sqlalchemy import JSON, TIMESTAMP, Connection, Index, String, delete, func, select, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from ..errors import ServiceError
from ..tables import KEY, UTF8, Base
from .rows import add_once

KEPT = timedelta(days=7)
MOST_DELETED = 100  # old requests, with each new one


class PostDiffers(ServiceError):
    """The key of a request was used for another request."""

    status = 409


class Post(Base):
    """A request that was answered: a hash of its rows, and the ids that they got."""

    __tablename__ = "posts"
    __table_args__ = (Index("posts_created_at", "created_at"), UTF8)

    key: Mapped[str] = mapped_column(KEY, primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    ids: Mapped[list[int]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(TIMESTAMP, server_default=func.now())


def add_post(connection: Connection, rows: Sequence[tuple[Any, str | None]], key: str | None) -> list[int]:
    """Add the rows of a request once, and return their ids; None is a request without a key.

    Raises:
        PostDiffers: the key was used for other rows, or the database equates it with another key.
    """
    if key is None:
        return _add_sorted(connection, rows)
    digest = hashlib.sha256(to_json(rows)).hexdigest()
    _claim(connection, key, digest)
    found = connection.execute(select(Post.key, Post.digest, Post.ids).where(Post.key == key)).one()
    if found.key != key:
        raise PostDiffers(f"Idempotency-Key {key!r}: the collation of posts equates it with {found.key!r}; use another")
    if found.digest != digest:
        raise PostDiffers(f"Idempotency-Key {key!r} was used for other rows")
    if found.ids:
        return list(found.ids)
    ids = _add_sorted(connection, rows)
    connection.execute(update(Post).where(Post.key == key).values(ids=ids))
    return ids


def _add_sorted(connection: Connection, rows: Sequence[tuple[Any, str | None]]) -> list[int]:
    """Add rows in the order of their keys: requests with the same keys in other orders would cause a deadlock."""
    order = sorted(range(len(rows)), key=lambda place: rows[place][1] or "")
    ids = add_once(connection, [rows[place] for place in order])
    return [row_id for _, row_id in sorted(zip(order, ids, strict=True))]


def _claim(connection: Connection, key: str, digest: str) -> None:
    """Delete old keys, and write this one unless it is stored; wait for a request in progress that has the same key."""
    values = {"key": key, "digest": digest, "ids": []}
    now = connection.execute(select(func.now())).scalar_one()
    old = select(Post.key).where(Post.created_at < now - KEPT).limit(MOST_DELETED)
    if keys := connection.scalars(old).all():
        connection.execute(delete(Post).where(Post.key.in_(keys)))
    if connection.dialect.name == "sqlite":
        connection.execute(sqlite.insert(Post).values(values).on_conflict_do_nothing())
    else:
        connection.execute(mysql.insert(Post).values(values).on_duplicate_key_update(key=Post.key))
