"""Data checks of `tidegraph check`: the search index, totals, unique keys, foreign keys and the audit log.

They read bounded batches. A concurrent write can look like an error, so each finding is read again before it
is reported.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import order_lines as lines
from db import unique_text
from db.audit import audit_log as changes
from db.engine.database import Database
from db.models import Customer, Order, OrderLine, customer_words, customers, history, order_lines, orders
from db.reader import Reader, Transaction
from db.search import search_index

BATCH = 200
ORDERS_OF_CUSTOMER = (
    sa.select(sa.func.count())
    .where(orders.c.customer_id == customers.c.id)
    .correlate(customers)
    .scalar_subquery()
)


class Finding(NamedTuple):
    """How many rows were looked at, and the ids of those that were wrong, in order."""

    checked: int
    wrong: list[int]


async def check_search_index(database: Database, *, repair: bool = True) -> Finding:
    """Customers whose words were not those of their text; with `repair` they are now."""
    return await _check(database, customers, _drifted, _repair_search_index if repair else None)


async def check_order_counts(database: Database, *, repair: bool = True) -> Finding:
    """Customers whose `orders_count` was wrong; with `repair` it is now right."""
    return await _check(database, customers, _miscounted, count_orders if repair else None)


async def _check(
    database: Database, table: sa.Table, find: Callable[..., Any], repair: Callable[..., Any] | None = None
) -> Finding:
    """The rows of a table that `find` confirms to be wrong, batch by batch; `repair` corrects them."""
    reader = database.reader()
    checked, wrong = 0, []
    async for rows in _batches(reader, table):
        found = await _confirmed(partial(find, reader), [row.id for row in rows])
        if found and repair:
            await database.write(partial(repair, found))
        checked += len(rows)
        wrong += found
    return Finding(checked, wrong)


async def count_orders(ids: Sequence[int], transaction: Transaction) -> None:
    """Store `orders_count` of these customers. Their locks hold back who adds or deletes an order."""
    await transaction.lock(customers, ids)
    counted = customers.update().where(customers.c.id.in_(ids)).values(orders_count=ORDERS_OF_CUSTOMER)
    await transaction.execute(counted)


async def check_order_totals(database: Database) -> Finding:
    """Orders that have lines whose sum, or currency, is not the order's total; they are left as they are."""
    return await _check(database, orders, _disagreeing)


async def check_customer_keys(database: Database) -> Finding:
    """Customers whose username or e-mail address finds another, older one; they are left as they are."""
    checked, wrong = 0, []
    async for rows in _batches(database.reader(), customers):
        checked += len(rows)
        wrong += [row.id for row in rows if not _has_keys(Customer._make(row))]
    return Finding(checked, wrong)


async def check_order_keys(database: Database) -> Finding:
    """Orders whose reference finds another, older one; they are left as they are."""
    checked, wrong = 0, []
    async for rows in _batches(database.reader(), orders):
        checked += len(rows)
        wrong += [row.id for row in rows if not _is_normal(row.reference)]
    return Finding(checked, wrong)


def _has_keys(customer: Customer) -> bool:
    has_email_key = customer.email is not None or customer.entered_email is None
    return has_email_key and _is_normal(customer.username)


def _is_normal(text: str | None) -> bool:
    return text is None or text == unique_text.normalize(text)


# What belongs to a row of another table, and the column that says to which.
REFERENCES = (
    (orders.c.customer_id, customers.c.id),
    (order_lines.c.order_id, orders.c.id),
    (customer_words.c.customer_id, customers.c.id),
)


async def check_foreign_key(database: Database, child: sa.Column[int], parent: sa.Column[int]) -> Finding:
    """Ids that the column `child` refers to and `parent` does not have; it may have had no foreign key."""
    reader = database.reader()
    checked, wrong, last = 0, [], 0
    statement = sa.select(child).distinct().order_by(child).limit(BATCH)
    while rows := await reader.fetch(statement.where(child > last)):
        ids = [row[0] for row in rows]
        wrong += await _confirmed(partial(_without_parent, reader, child, parent), ids)
        checked, last = checked + len(ids), ids[-1]
    return Finding(checked, wrong)


async def check_audit_log(database: Database, kind: str) -> Finding:
    """Objects that are not as their newest change left them: gone, or of another version or customer."""
    reader = database.reader()
    checked, wrong, last = 0, [], 0
    mine = sa.select(history.c.object_id).distinct().where(history.c.kind == kind)
    statement = mine.order_by(history.c.object_id).limit(BATCH)
    while rows := await reader.fetch(statement.where(history.c.object_id > last)):
        ids = [row[0] for row in rows]
        wrong += await _confirmed(partial(_not_as_recorded, reader, kind), ids)
        checked, last = checked + len(ids), ids[-1]
    return Finding(checked, wrong)


async def _confirmed(find: Callable[[Sequence[int]], Awaitable[list[int]]], ids: Sequence[int]) -> list[int]:
    found = await find(ids)
    return await find(found) if found else []


async def _batches(reader: Reader, table: sa.Table) -> AsyncIterator[Sequence[Any]]:
    """All rows by id; rows written during the scan may be among them."""
    last = 0
    statement = sa.select(*table.c).order_by(table.c.id).limit(BATCH)
    while rows := await reader.fetch(statement.where(table.c.id > last)):
        yield rows
        last = rows[-1].id


async def _drifted(reader: Reader, ids: Sequence[int]) -> list[int]:
    rows = await reader.fetch(sa.select(*customers.c).where(customers.c.id.in_(ids)).order_by(customers.c.id))
    stored: dict[int, set[str]] = defaultdict(set)
    statement = sa.select(*customer_words.c).where(customer_words.c.customer_id.in_(ids))
    for word, customer_id in await reader.fetch(statement):
        stored[customer_id].add(word)
    return [row.id for row in rows if stored[row.id] != search_index.index_words(Customer._make(row))]


async def _miscounted(reader: Reader, ids: Sequence[int]) -> list[int]:
    wrong = customers.c.id.in_(ids), customers.c.orders_count != ORDERS_OF_CUSTOMER
    return [row[0] for row in await reader.fetch(sa.select(customers.c.id).where(*wrong).order_by("id"))]


async def _disagreeing(reader: Reader, ids: Sequence[int]) -> list[int]:
    rows = await reader.fetch(sa.select(*orders.c).where(orders.c.id.in_(ids)).order_by(orders.c.id))
    stored = await lines.get_by_order(reader, ids)
    return [row.id for row in rows if not _agree(Order._make(row), stored.get(row.id, []))]


async def _without_parent(
    reader: Reader, child: sa.Column[int], parent: sa.Column[int], ids: Sequence[int]
) -> list[int]:
    referring = {row[0] for row in await reader.fetch(sa.select(child).distinct().where(child.in_(ids)))}
    there = {row[0] for row in await reader.fetch(sa.select(parent).where(parent.in_(ids)))}
    return sorted(referring - there)


async def _not_as_recorded(reader: Reader, kind: str, ids: Sequence[int]) -> list[int]:
    newest = (
        sa.select(history.c.object_id, sa.func.max(history.c.version).label("version"))
        .where(history.c.object_id.in_(ids), history.c.kind == kind)
        .group_by(history.c.object_id)
        .subquery()
    )
    mine = sa.and_(history.c.object_id == newest.c.object_id, history.c.version == newest.c.version)
    changed = sa.select(*history.c).join(newest, mine).where(history.c.kind == kind)
    last = {row.object_id: row for row in await reader.fetch(changed.order_by(history.c.object_id))}
    table, owner = (
        (customers, customers.c.id) if kind == Customer.__name__ else (orders, orders.c.customer_id)
    )
    statement = sa.select(table.c.id, table.c.version, owner.label("owner")).where(table.c.id.in_(ids))
    there = {row.id: row for row in await reader.fetch(statement)}
    return [each for each in last if not _as_recorded(last[each], there.get(each))]


def _as_recorded(change: Any, row: Any) -> bool:
    if row is None:
        return change.action in {changes.DELETED, changes.ERASED}
    # Changes that are older than the column name no customer.
    return change.version == row.version and change.customer_id in {row.owner, None}


async def _repair_search_index(ids: Sequence[int], transaction: Transaction) -> None:
    """Rebuild from the locked rows: the customers may have changed since they were checked."""
    rows = await transaction.lock(customers, ids)
    if rows:
        await search_index.replace(transaction, [Customer._make(row) for row in rows])


def _agree(order: Order, stored: Sequence[OrderLine]) -> bool:
    total = sum(line.total for line in stored)
    return not stored or (total == order.total and {line.currency for line in stored} == {order.currency})
