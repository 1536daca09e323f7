"""All SQL on order lines; an order's lines are written as a whole, with their order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from db.models import OrderLine, order_lines
from db.money import LineInput
from db.reader import Reader, Transaction
from db.response_budget import STREAMED
from db.select_by_key import VALUES, by_values

BY_ORDER = (
    by_values(order_lines, "order_id")
    .order_by(order_lines.c.order_id, order_lines.c.position)
    .execution_options(**{STREAMED: True})
)


async def get_by_order(reader: Reader, order_ids: Sequence[int]) -> dict[int, list[OrderLine]]:
    """The lines of each order by position; an order without lines has no entry."""
    found: dict[int, list[OrderLine]] = defaultdict(list)
    for row in await reader.fetch(BY_ORDER, {VALUES: order_ids}):
        line = OrderLine._make(row)
        found[line.order_id].append(line)
    return found


async def exist(reader: Reader, order_id: int) -> bool:
    """Whether the order has lines."""
    statement = sa.select(sa.literal(1)).where(order_lines.c.order_id == order_id).limit(1)
    return bool(await reader.fetch(statement))


async def insert_many(transaction: Transaction, lines: Mapping[int, Sequence[LineInput]]) -> None:
    """Store lines 1, 2, 3 … of orders that have none, by the order's id."""
    rows = [row for order_id, each in lines.items() for row in _rows(order_id, each)]
    if rows:
        await transaction.execute(order_lines.insert(), rows)


async def replace(
    transaction: Transaction, order_id: int, lines: Sequence[LineInput]
) -> list[OrderLine] | None:
    """Make these the order's lines; those that were there before, None when they were these already."""
    stored = (await get_by_order(transaction, [order_id])).get(order_id, [])
    if are(stored, lines):
        return None
    if stored:
        await delete_many(transaction, [order_id])
    await insert_many(transaction, {order_id: lines})
    return stored


async def delete_many(transaction: Transaction, order_ids: Sequence[int]) -> None:
    """Delete the lines of orders."""
    await transaction.execute(order_lines.delete().where(order_lines.c.order_id.in_(order_ids)))


def are(stored: Sequence[OrderLine], lines: Sequence[LineInput]) -> bool:
    """Whether an order's stored lines are these."""
    order_id = stored[0].order_id if stored else 0
    return [line._asdict() for line in stored] == _rows(order_id, lines)


def _rows(order_id: int, lines: Sequence[LineInput]) -> list[dict[str, Any]]:
    return [
        {
            "order_id": order_id,
            "position": index + 1,
            "sku": line.sku,
            "name": line.name,
            "quantity": line.quantity,
            "unit_price": line.unit_price.amount,
            "currency": line.unit_price.currency,
        }
        for index, line in enumerate(lines)
    ]
