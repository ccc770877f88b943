"""Owners' keys of rows, requests that may be sent again, and how far a load has come."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision, down_revision = "0005", "0004"

KEY = sa.String(255).with_variant(mysql.VARCHAR(255, collation="utf8mb4_bin"), "mysql", "mariadb")
UTF8: Any = {"mysql_charset": "utf8mb4", "mariadb_charset": "utf8mb4"}


def upgrade() -> None:
    """Add what an interrupted upgrade has not added; MySQL and MariaDB allow reads and writes meanwhile."""
    found = sa.inspect(op.get_bind())
    if "key" not in {column["name"] for column in found.get_columns("items")}:
        op.add_column("items", sa.Column("key", KEY))
    if "items_key" not in {index["name"] for index in found.get_indexes("items")}:
        op.create_index("items_key", "items", ["key"], unique=True)
    now = sa.Column("created_at", sa.TIMESTAMP, server_default=sa.func.now(), nullable=False)
    if not found.has_table("posts"):
        columns = sa.Column("digest", sa.String(64), nullable=False), sa.Column("ids", sa.JSON, nullable=False), now
        op.create_table("posts", sa.Column("key", KEY, primary_key=True), *columns, **UTF8)
    if "posts_created_at" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("posts")}:
        op.create_index("posts_created_at", "posts", ["created_at"])
    if not found.has_table("loads"):
        done = sa.Column("rows_done", sa.BigInteger, nullable=False)
        op.create_table("loads", sa.Column("name", KEY, primary_key=True), done, **UTF8)
