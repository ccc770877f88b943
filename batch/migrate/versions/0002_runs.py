"""One row for each run of the job."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"


def upgrade() -> None:
    """Create the table unless an interrupted upgrade did: MySQL does not roll back a CREATE TABLE."""
    if sa.inspect(op.get_bind()).has_table("runs"):
        return
    outcomes = ("running", "done", "rows failed", "deadline", "database lost", "terminated", "crashed")
    op.create_table(
        "runs",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("started_at", sa.TIMESTAMP, server_default=sa.func.now(), nullable=False),
        sa.Column("seen_at", sa.TIMESTAMP, server_default=sa.func.now(), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP),
        sa.Column(
            "outcome",
            sa.Enum(*outcomes, name="outcome", create_constraint=True),
            server_default="running",
            nullable=False,
        ),
        sa.Column("model_version", sa.Integer, nullable=False),
        sa.Column("rows_done", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("rows_failed", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("seconds", sa.Double, server_default="0", nullable=False),
        sa.Column("policy", sa.String(20), nullable=False),
        sa.Column("scope", sa.String(255), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )
