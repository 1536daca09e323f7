"""Whose each object of the history is, also of those that were deleted."""

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from alembic import op

from db.column_types import LongText, RowId

revision = "0009"
down_revision = "0008"

BATCH = 200
metadata = sa.MetaData()
orders = sa.Table("orders", metadata, sa.Column("id", RowId), sa.Column("customer_id", RowId))
history = sa.Table(
    "history",
    metadata,
    sa.Column("object_id", RowId),
    sa.Column("kind", sa.String(16)),
    sa.Column("fields", LongText),
    sa.Column("customer_id", RowId),
)


def upgrade() -> None:
    if not _is_there():
        op.add_column("history", sa.Column("customer_id", RowId))
    _fill(op.get_bind())


def downgrade() -> None:
    if _is_there():
        op.drop_column("history", "customer_id")


def _is_there() -> bool:
    """TiDB's DDL is not transactional: a revision that was cut short is run again."""
    return any(each["name"] == "customer_id" for each in sa.inspect(op.get_bind()).get_columns("history"))


def _fill(connection: sa.Connection) -> None:
    """Batch by batch: TiDB holds a transaction in memory until it commits."""
    for kind, owners in (("Customer", _themselves), ("Order", _owners)):
        last = 0
        mine = history.c.kind == kind, history.c.customer_id.is_(None)
        following = sa.select(history.c.object_id).where(*mine).distinct().order_by(history.c.object_id)
        while ids := connection.scalars(following.where(history.c.object_id > last).limit(BATCH)).all():
            if found := owners(connection, ids):
                here = history.update().where(*mine, history.c.object_id.in_(ids))
                owner = sa.case(found, value=history.c.object_id, else_=None)
                connection.execute(here.values(customer_id=owner))
            if connection.dialect.name == "mysql":
                connection.exec_driver_sql("COMMIT")
            last = ids[-1]


def _themselves(_connection: sa.Connection, ids: Sequence[int]) -> dict[int, int]:
    return {each: each for each in ids}


def _owners(connection: sa.Connection, ids: Sequence[int]) -> dict[int, Any]:
    """The orders' customers; of one that is not there any more, its last change says whose it was."""
    statement = sa.select(orders.c.id, orders.c.customer_id).where(orders.c.id.in_(ids))
    found = {row.id: row.customer_id for row in connection.execute(statement)}
    gone = history.c.object_id.in_(set(ids) - found.keys()), history.c.kind == "Order"
    for row in connection.execute(sa.select(history.c.object_id, history.c.fields).where(*gone)):
        for owner in filter(None, orjson.loads(row.fields).get("customer_id", ())):
            found[row.object_id] = owner
    return found
