"""How many rows a run left because others held them."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0004", "0003"


def upgrade() -> None:
    """Add the column unless an interrupted upgrade did."""
    if "rows_held" not in {column["name"] for column in sa.inspect(op.get_bind()).get_columns("runs")}:
        op.add_column("runs", sa.Column("rows_held", sa.BigInteger, server_default="0", nullable=False))
