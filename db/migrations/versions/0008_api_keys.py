"""API keys, by the digest of the key."""

import sqlalchemy as sa
from alembic import op

from db.column_types import KEYED_OPTIONS, UtcDateTime

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    sa.Table(
        "api_keys",
        sa.MetaData(),
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("scopes", sa.String(250), nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("revoked_at", UtcDateTime),
        sa.UniqueConstraint("name", name="uq_api_keys_name"),
        **KEYED_OPTIONS,
    ).create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("api_keys", if_exists=True)
