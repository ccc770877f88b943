"""The rows. A table from before there were migrations is kept as it is."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0001", None


def upgrade() -> None:
    """Create the table and its index, or the one that is missing."""
    if not sa.inspect(op.get_bind()).has_table("items"):
        op.create_table(
            "items",
            sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
            sa.Column("values", sa.JSON, nullable=False),
            sa.Column(
                "state",
                sa.Enum("pending", "done", "failed", name="state", create_constraint=True),
                server_default="pending",
                nullable=False,
            ),
            sa.Column("prediction", sa.JSON),
            sa.Column("label", sa.String(255)),
            sa.Column("model_version", sa.Integer),
            sa.Column("attempts", sa.Integer, server_default="0", nullable=False),
            sa.Column("reason", sa.String(500)),
            sa.Column("created_at", sa.TIMESTAMP, server_default=sa.func.now(), nullable=False),
            sa.Column("updated_at", sa.TIMESTAMP, server_default=sa.func.now(), nullable=False),
            sa.CheckConstraint('json_valid("values")', name="items_values_json").ddl_if(dialect="sqlite"),
            mysql_charset="utf8mb4",
            mariadb_charset="utf8mb4",
        )
    if not sa.inspect(op.get_bind()).get_indexes("items"):
        op.create_index("items_state_id", "items", ["state", "id"])
