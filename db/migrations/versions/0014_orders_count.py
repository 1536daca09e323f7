"""`customers.orders_count`: how many orders a customer has, counted in the transaction that writes an order.

An earlier program would create orders without counting them, so it may not use this schema. (It also folds
e-mail addresses and search words otherwise than 0012 and 0013.)
"""

import time
from typing import Any

import sqlalchemy as sa
from alembic import op

from db.column_types import RowId
from db.maintenance import migrate

revision = "0014"
down_revision = "0013"

BATCH = 200
# Before this revision, every program since 0010 could use the schema.
EARLIER_MINIMUM = "0010"
customers = sa.table("customers", sa.column("id", RowId), sa.column("orders_count", sa.Integer))
orders = sa.table("orders", sa.column("customer_id", RowId))


def upgrade() -> None:
    connection = op.get_bind()
    _require(connection, revision)
    if not _has_column(connection):
        count = sa.Column("orders_count", sa.Integer, nullable=False, server_default=sa.text("0"))
        op.add_column("customers", count)
    if connection.dialect.name == "mysql" and _has_orders(connection):
        # Running servers of an earlier version have to stop before the orders are counted. No transaction
        # is open during the wait: TiDB would end it.
        _commit(connection)
        time.sleep(migrate.SECONDS_TO_NOTICE)
    _count(connection)


def downgrade() -> None:
    connection = op.get_bind()
    if _has_column(connection):
        op.drop_column("customers", "orders_count")
    _require(connection, EARLIER_MINIMUM)


def _require(connection: sa.Connection, minimum: str) -> None:
    connection.execute(migrate.SCHEMA_INFO.update().values(minimum_revision=minimum))
    _commit(connection)


def _has_column(connection: sa.Connection) -> bool:
    """TiDB's DDL is not transactional: an interrupted migration runs again."""
    return any(each["name"] == "orders_count" for each in sa.inspect(connection).get_columns("customers"))


def _has_orders(connection: sa.Connection) -> bool:
    return bool(connection.scalar(sa.select(sa.literal(1)).select_from(orders).limit(1)))


def _count(connection: sa.Connection) -> None:
    """Batch by batch: TiDB holds a transaction in memory until it commits."""
    theirs: Any = sa.select(sa.func.count()).select_from(orders).where(orders.c.customer_id == customers.c.id)
    following = sa.select(customers.c.id).order_by(customers.c.id).limit(BATCH)
    last = 0
    while ids := connection.scalars(following.where(customers.c.id > last)).all():
        counted = sa.update(customers).where(customers.c.id.in_(ids))
        connection.execute(counted.values(orders_count=theirs.scalar_subquery()))
        _commit(connection)
        last = ids[-1]


def _commit(connection: sa.Connection) -> None:
    if connection.dialect.name == "mysql":
        connection.exec_driver_sql("COMMIT")
