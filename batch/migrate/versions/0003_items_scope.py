"""The index for runs with a scope and for the status."""

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0003", "0002"


def upgrade() -> None:
    """Add the index; MySQL and MariaDB allow reads and writes meanwhile."""
    if "items_scope" not in {index["name"] for index in sa.inspect(op.get_bind()).get_indexes("items")}:
        op.create_index("items_scope", "items", ["state", "model_version", "created_at", "id"])
