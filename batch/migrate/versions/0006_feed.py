"""The order in which rows were completed. Those that were done before are its first chunk."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0006", "0005"


def upgrade() -> None:
    """Create the tables unless an interrupted upgrade did."""
    connection = op.get_bind()
    has_table = sa.inspect(connection).has_table
    number = sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False)
    if not has_table("completions"):
        op.create_table(
            "completions",
            sa.Column("number", number.type, primary_key=True, autoincrement=False),
            sa.Column("ids", sa.JSON),
            sa.Column("first_id", sa.BigInteger),
            sa.Column("last_id", sa.BigInteger),
            mysql_charset="utf8mb4",
            mariadb_charset="utf8mb4",
        )
    if not has_table("feed_position"):
        op.create_table(
            "feed_position",
            sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("number", sa.BigInteger, nullable=False),
            mysql_charset="utf8mb4",
            mariadb_charset="utf8mb4",
        )
    if connection.scalar(sa.text("SELECT COUNT(*) FROM feed_position")):
        return
    first, last = connection.execute(sa.text("SELECT MIN(id), MAX(id) FROM items WHERE state = 'done'")).one()
    if first is not None:
        done = "INSERT INTO completions (number, first_id, last_id) VALUES (1, :first, :last)"
        connection.execute(sa.text(done), {"first": first, "last": last})
    connection.execute(sa.text("INSERT INTO feed_position VALUES (1, :number)"), {"number": int(first is not None)})
