"""The inputs and labels of the model versions that have predicted rows."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0007", "0006"


def upgrade() -> None:
    """Create the table unless an interrupted upgrade did."""
    if sa.inspect(op.get_bind()).has_table("model_versions"):
        return
    op.create_table(
        "model_versions",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("shape", sa.JSON, nullable=False),
        mysql_charset="utf8mb4",
        mariadb_charset="utf8mb4",
    )
