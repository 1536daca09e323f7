"""The lines of orders."""

import sqlalchemy as sa
from alembic import op

from db.column_types import KEYED_OPTIONS, Amount, RowId, auto_random_id

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    metadata = sa.MetaData()
    sa.Table("orders", metadata, auto_random_id())
    sa.Table(
        "order_lines",
        metadata,
        sa.Column("order_id", RowId, primary_key=True, autoincrement=False),
        sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("sku", sa.String(64), nullable=False),
        sa.Column("name", sa.String(250), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("unit_price", Amount, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_lines_order_id"),
        **KEYED_OPTIONS,
    ).create(op.get_bind(), checkfirst=True)


def downgrade() -> None:
    op.drop_table("order_lines", if_exists=True)
