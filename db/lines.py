"""All SQL on order lines; an order's lines are written as a whole, with their order."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from db.models import OrderLine, order_lines
from db.money import Line
from db.reader import Reader, Transaction


async def get_by_order(reader: Reader, order_ids: Sequence[int]) -> dict[int, list[OrderLine]]:
    """The lines of each order by position; an order without lines has no entry."""
    statement = (
        sa.select(*order_lines.c)
        .where(order_lines.c.order_id.in_(order_ids))
        .order_by(order_lines.c.order_id, order_lines.c.position)
    )
    found: dict[int, list[OrderLine]] = defaultdict(list)
    for row in await reader.fetch(statement):
        line = OrderLine._make(row)
        found[line.order_id].append(line)
    return found


async def exist(reader: Reader, order_id: int) -> bool:
    """Whether the order has lines."""
    statement = sa.select(sa.literal(1)).where(order_lines.c.order_id == order_id).limit(1)
    return bool(await reader.fetch(statement))


async def insert(transaction: Transaction, order_id: int, lines: Sequence[Line]) -> None:
    """Store lines 1, 2, 3 … of an order that has none."""
    if lines:
        await transaction.execute(order_lines.insert(), _rows(order_id, lines))


async def replace(transaction: Transaction, order_id: int, lines: Sequence[Line]) -> bool:
    """Make these the order's lines; False when they already were."""
    rows = _rows(order_id, lines)
    stored = (await get_by_order(transaction, [order_id])).get(order_id, [])
    if [line._asdict() for line in stored] == rows:
        return False
    await delete(transaction, order_id)
    await transaction.execute(order_lines.insert(), rows)
    return True


async def delete(transaction: Transaction, order_id: int) -> None:
    """Delete the order's lines."""
    await transaction.execute(order_lines.delete().where(order_lines.c.order_id == order_id))


def _rows(order_id: int, lines: Sequence[Line]) -> list[dict[str, Any]]:
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
