"""Customers."""

import sqlalchemy as sa
from alembic import op

from db.column_types import TABLE_OPTIONS, UtcDateTime, auto_random_id, index

revision = "0001"
down_revision = None


def upgrade() -> None:
    sa.Table(
        "customers",
        sa.MetaData(),
        auto_random_id(),
        sa.Column("username", sa.String(250), nullable=False),
        sa.Column("name", sa.String(250), nullable=False),
        sa.Column("email", sa.String(254)),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("archived_at", UtcDateTime),
        sa.UniqueConstraint("username", name="uq_customers_username"),
        sa.UniqueConstraint("email", name="uq_customers_email"),
        index("ix_customers_archived_at_created_at", "archived_at", "created_at", "id"),
        index("ix_customers_created_at", "created_at", "id"),
        **TABLE_OPTIONS,
    ).create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("customers", if_exists=True)
