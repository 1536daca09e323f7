"""Orders."""

import sqlalchemy as sa
from alembic import op

from db.column_types import TABLE_OPTIONS, Amount, RowId, UtcDateTime, auto_random_id, index

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    metadata = sa.MetaData()
    sa.Table("customers", metadata, auto_random_id())
    sa.Table(
        "orders",
        metadata,
        auto_random_id(),
        sa.Column("customer_id", RowId, nullable=False),
        sa.Column("reference", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("total", Amount, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("placed_at", UtcDateTime, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("reference", name="uq_orders_reference"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_orders_customer_id"),
        index("ix_orders_customer_id_placed_at", "customer_id", "placed_at", "id"),
        index("ix_orders_placed_at", "placed_at", "id"),
        **TABLE_OPTIONS,
    ).create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("orders", if_exists=True)
