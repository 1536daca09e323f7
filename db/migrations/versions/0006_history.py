"""The history of every object."""

import sqlalchemy as sa
from alembic import op

from db.column_types import KEYED_OPTIONS, LongText, RowId, UtcDateTime

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    sa.Table(
        "history",
        sa.MetaData(),
        sa.Column("object_id", RowId, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(16), primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("principal", sa.String(250), nullable=False),
        sa.Column("request_id", sa.String(128)),
        sa.Column("idempotency_key", sa.String(128)),
        sa.Column("fields", LongText, nullable=False),
        **KEYED_OPTIONS,
    ).create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("history", if_exists=True)
