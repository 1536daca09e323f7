"""Orders to try the rules on: placed, changed, and read back."""

from typing import Any

from db import order_lines, orders
from db.engine.database import Database
from db.models import Order, OrderLine
from db.money import LineInput, Money
from tests.db.raw_sql import run
from tests.factories import create_customer, create_order

STATUSES = ("PENDING", "PAID", "FULFILLED", "CANCELLED", "REFUNDED")


async def place(database: Database, *sent: LineInput, status: str = "PENDING", **values: Any) -> Order:
    """An order of a customer of its own, in any status."""
    order = await create_order(database, await create_customer(database), *sent, **values)
    await run(database, f"UPDATE orders SET status = '{status}' WHERE id = {order.id}")
    return order._replace(status=status)


async def update(
    database: Database, order: Order, *sent: LineInput, total: Money | None = None, **values: Any
) -> Order:
    return await database.write(lambda transaction: orders.update(transaction, order.id, values, total, sent))


async def stored(database: Database, order: Order) -> list[Order]:
    return await orders.get_many(database.reader(), "id", [order.id])


async def lines_of(database: Database, order: Order) -> list[OrderLine]:
    return (await order_lines.get_by_order(database.reader(), [order.id])).get(order.id, [])
