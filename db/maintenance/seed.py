"""Writes sample data in batches that stay inside TiDB's limits for packets and transactions."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

from db.audit import audit_log
from db.audit.audit_log import CREATED, UPDATED, AuditEntry, audited_values
from db.customers import add_to_orders_count
from db.engine.database import Database
from db.maintenance.sample_data import Row, Sample, SampleOrder
from db.models import Customer, Order, OrderLine, customers, order_lines, orders
from db.orders import PENDING
from db.reader import Reader, Transaction
from db.search import search_index

T = TypeVar("T")

# A transaction of TiDB is kept in memory until it commits; one of SQLite waits for the disk.
TIDB_BATCH, SQLITE_BATCH = 400, 5_000


async def is_empty(reader: Reader) -> bool:
    """Whether there is no customer, and so no order either."""
    return not await reader.fetch(sa.select(sa.literal(1)).select_from(customers).limit(1))


async def fill(
    database: Database,
    sample: Sample,
    *,
    customer_count: int,
    orders_each: int,
    progress: Callable[[int], object],
) -> None:
    """Write customers and `orders_each` orders for each; `progress` gets the rows of each batch.

    Each batch is a transaction of its own: what an interruption leaves behind is whole orders. Of those who
    fill a database with the same sample at once one does; the others get DuplicateKey, and write nothing.
    """
    size = SQLITE_BATCH if database.url.is_sqlite else TIDB_BATCH
    owners: list[int] = []
    for rows in batches(sample.customers(customer_count), size):
        owners += await database.write(partial(_customers, rows))
        progress(len(rows))
    for some in batches(_owned(sample, owners, orders_each), size):
        await database.write(partial(_orders, some))
        progress(len(some))


def batches(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while batch := list(islice(items, size)):
        yield batch


def _owned(sample: Sample, owners: Sequence[int], each: int) -> Iterator[SampleOrder]:
    currencies = {owner: sample.currency() for owner in owners}
    for _ in range(each):
        for owner in owners:
            order = sample.order(currencies[owner])
            order.row["customer_id"] = owner
            yield order


async def _customers(rows: Sequence[Row], transaction: Transaction) -> list[int]:
    await transaction.insert_many(customers, rows)
    names = [row["username"] for row in rows]
    ids: dict[str, int] = {}
    for some in batches(iter(names), 200):
        ids |= await _ids(transaction, customers.c.username, customers.c.username.in_(some))
    stored = [Customer(id=ids[row["username"]], **row) for row in rows]
    await search_index.insert(transaction, stored)
    await audit_log.record(transaction, [_created(customer) for customer in stored])
    return [ids[name] for name in names]


async def _orders(batch: Sequence[SampleOrder], transaction: Transaction) -> None:
    await transaction.insert_many(orders, [order.row for order in batch])
    references = [order.row["reference"] for order in batch]
    between = orders.c.reference.between(min(references), max(references))
    ids = await _ids(transaction, orders.c.reference, between)
    lines = [line | {"order_id": ids[order.row["reference"]]} for order in batch for line in order.lines]
    if lines:
        await transaction.insert_many(order_lines, lines)
    await add_to_orders_count(transaction, Counter(order.row["customer_id"] for order in batch))
    entries = [entry for order in batch for entry in _history(order, ids[order.row["reference"]])]
    await audit_log.record(transaction, entries)


def _history(sample: SampleOrder, order_id: int) -> list[AuditEntry]:
    """The entries for an order's creation and for each of its transitions."""
    stored = Order(id=order_id, **sample.row)
    if not sample.transitions:
        return [_created(stored, sample.lines)]
    order = stored._replace(status=PENDING, version=1, updated_at=stored.created_at)
    entries = [_created(order, sample.lines)]
    for status, at in sample.transitions:
        changed = order._replace(status=status, version=order.version + 1, updated_at=at)
        entries.append(AuditEntry(changed, UPDATED, at, audited_values(order), audited_values(changed)))
        order = changed
    return entries


def _created(row: Customer | Order, lines: Sequence[Row] = ()) -> AuditEntry:
    written = [OrderLine(order_id=row.id, **line) for line in lines]
    return AuditEntry(row, CREATED, row.created_at, {}, audited_values(row, written))


async def _ids(
    transaction: Transaction, key: sa.Column[Any], which: sa.ColumnElement[bool]
) -> dict[Any, int]:
    """The ids of rows just written, by a unique key: what a multi-row INSERT gave out is not promised."""
    rows = await transaction.fetch(sa.select(key, key.table.c.id).where(which))
    return {row[0]: row[1] for row in rows}
