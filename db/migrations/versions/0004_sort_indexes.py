"""An index under every sort, alone and behind an equality on status or customer."""

from alembic import op

revision = "0004"
down_revision = "0003"

INDEXES = [
    ("customers", ("archived_at", "name")),
    ("customers", ("archived_at", "username")),
    ("customers", ("name",)),
    ("orders", ("created_at",)),
    ("orders", ("currency", "total")),
    ("orders", ("customer_id", "created_at")),
    ("orders", ("customer_id", "currency", "total")),
    ("orders", ("customer_id", "status", "placed_at")),
    ("orders", ("status", "created_at")),
    ("orders", ("status", "currency", "total")),
    ("orders", ("status", "placed_at")),
]


def upgrade() -> None:
    # Each is a statement of its own on TiDB: a revision that was cut short is run again as a whole.
    for table, columns in INDEXES:
        op.create_index(_name(table, columns), table, [*columns, "id"], if_not_exists=True)


def downgrade() -> None:
    for table, columns in INDEXES:
        op.drop_index(_name(table, columns), table, if_exists=True)


def _name(table: str, columns: tuple[str, ...]) -> str:
    return "_".join(("ix", table, *columns))
