"""What must agree in the data and no constraint holds: looked through in bounded batches."""

from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import lines, words
from db.database import Database
from db.models import Customer, Order, OrderLine, customer_words, customers, orders
from db.reader import Reader, Transaction

BATCH = 200


class Finding(NamedTuple):
    """How many rows were looked at, and the ids of those that were wrong, in order."""

    checked: int
    wrong: list[int]


async def mend_words(database: Database) -> Finding:
    """Customers whose words were not those of their text; they are now."""
    reader = database.reader()
    checked, wrong = 0, []
    async for rows in _batches(reader, customers):
        drifted = await _drifted(reader, [Customer._make(row) for row in rows])
        if drifted:
            await database.write(partial(_mend, drifted))
        checked += len(rows)
        wrong += drifted
    return Finding(checked, wrong)


async def wrong_totals(database: Database) -> Finding:
    """Orders that have lines whose sum, or currency, is not the order's total; they are left as they are."""
    reader = database.reader()
    checked, wrong = 0, []
    async for rows in _batches(reader, orders):
        some = [Order._make(row) for row in rows]
        stored = await lines.get_by_order(reader, [order.id for order in some])
        checked += len(some)
        wrong += [order.id for order in some if not _agree(order, stored.get(order.id, []))]
    return Finding(checked, wrong)


async def _batches(reader: Reader, table: sa.Table) -> AsyncIterator[Sequence[Any]]:
    """All rows by id; those that are written meanwhile may be among them."""
    last = 0
    statement = sa.select(*table.c).order_by(table.c.id).limit(BATCH)
    while rows := await reader.fetch(statement.where(table.c.id > last)):
        yield rows
        last = rows[-1].id


async def _drifted(reader: Reader, some: Sequence[Customer]) -> list[int]:
    stored: dict[int, set[str]] = defaultdict(set)
    ids = [customer.id for customer in some]
    statement = sa.select(*customer_words.c).where(customer_words.c.customer_id.in_(ids))
    for word, customer_id in await reader.fetch(statement):
        stored[customer_id].add(word)
    return [customer.id for customer in some if stored[customer.id] != words.of(customer)]


async def _mend(ids: Sequence[int], transaction: Transaction) -> None:
    """By the rows as they are now, locked: the customers may have been changed meanwhile."""
    rows = await transaction.lock(customers, ids)
    if rows:
        await words.replace(transaction, [Customer._make(row) for row in rows])


def _agree(order: Order, stored: Sequence[OrderLine]) -> bool:
    total = sum(line.total for line in stored)
    return not stored or (total == order.total and {line.currency for line in stored} == {order.currency})
