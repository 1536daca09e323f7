"""The keys by which a mutation that is sent again happens once."""

import sqlalchemy as sa
from alembic import op

from db.column_types import EXPIRY, KEYED_OPTIONS, LongText, UtcDateTime

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    sa.Table(
        "idempotency_keys",
        sa.MetaData(),
        sa.Column("principal", sa.String(250), primary_key=True),
        sa.Column("idempotency_key", sa.String(128), primary_key=True),
        sa.Column("mutation", sa.String(64), nullable=False),
        sa.Column("input_hash", sa.String(64), nullable=False),
        sa.Column("outcome", LongText, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        **KEYED_OPTIONS,
        mysql_ttl=EXPIRY,
    ).create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("idempotency_keys", if_exists=True)
