"""The one customer whose data an API key shows."""

import sqlalchemy as sa
from alembic import op

from db.column_types import RowId

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    if not _is_there():
        op.add_column("api_keys", sa.Column("customer_id", RowId))


def downgrade() -> None:
    if _is_there():
        op.drop_column("api_keys", "customer_id")


def _is_there() -> bool:
    """TiDB's DDL is not transactional: a revision that was cut short is run again."""
    return any(each["name"] == "customer_id" for each in sa.inspect(op.get_bind()).get_columns("api_keys"))
