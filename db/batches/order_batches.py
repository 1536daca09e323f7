"""Bulk writes of orders, in a number of statements that does not depend on the number of items."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import domain_errors, errors
from db import order_lines as lines
from db.audit import audit_log, changes
from db.audit.audit_log import AuditEntry, audited_values
from db.batches import bulk_write, item_results
from db.batches.item_results import CREATED, UPDATED, ItemResult, refused_item
from db.batches.order_changes import OrderBatch, OrderInput, StoredOrder
from db.customers import add_to_orders_count
from db.domain_errors import DomainError
from db.models import Customer, Order, OrderLine, customers, order_lines, orders, updatable_columns
from db.orders import illegal_transition
from db.reader import Transaction

UPDATED_COLUMNS = updatable_columns(orders, "reference")


class OrderTransition(NamedTuple):
    """An order by its id, the status to move it to, and its expected version.

    An item with `invalid` input has only its valid parts; it is checked and not stored.
    """

    order_id: int | None
    to: str
    expected: int | None = None
    invalid: bool = False


async def create(
    transaction: Transaction, inputs: Sequence[OrderInput], all_or_nothing: bool
) -> tuple[ItemResult, ...]:
    """Create orders; returns an Item for each, in their order.

    An item fails with NotFound, CustomerArchived, Taken, Repeated, MixedCurrencies or AmountOutOfRange, or a
    DomainErrorGroup of them, without affecting the others; with `all_or_nothing` that raises BatchRejected.
    Raises ConcurrentInsert when a concurrent transaction took a reference.
    """
    return await _write(transaction, OrderBatch(owner=transaction.owner), inputs, all_or_nothing)


async def upsert(
    transaction: Transaction, inputs: Sequence[OrderInput], all_or_nothing: bool
) -> tuple[ItemResult, ...]:
    """Create or change orders by `reference`, as `create` does.

    An existing order is also refused with OtherCustomer, VersionConflict, NotEditable or HasLines.
    """
    batch = OrderBatch(changes_stored=True, owner=transaction.owner)
    return await _write(transaction, batch, inputs, all_or_nothing)


async def transition(
    transaction: Transaction, transitions: Sequence[OrderTransition], all_or_nothing: bool
) -> tuple[ItemResult, ...]:
    """Move orders to other statuses; returns an Item for each, in their order.

    An item fails with NotFound, Repeated, VersionConflict or IllegalTransition, or a DomainErrorGroup of
    them, without affecting the others; with `all_or_nothing` that raises BatchRejected.
    """
    ids = {each.order_id for each in transitions if each.order_id is not None}
    before = {row.id: Order._make(row) for row in await transaction.lock(orders, ids)}
    items: list[ItemResult] = []
    moved_ids: set[int] = set()
    for each in transitions:
        items.append(_moved(each, before, moved_ids))
    await item_results.require_storable(transaction, items, all_or_nothing)
    moved = [item.row for item in items if item.row]
    if moved:
        await bulk_write.update(transaction, orders, moved, ("status", "version", "updated_at"))
        await audit_log.record(transaction, [changes.update_entry(before[row.id], row) for row in moved])
    return tuple(items)


def _moved(each: OrderTransition, before: dict[int, Order], moved_ids: set[int]) -> ItemResult:
    if each.order_id is None:
        return ItemResult()
    order = before.get(each.order_id)
    violations = list(_violations(each, order, moved_ids))
    if order is None or violations or each.invalid:
        return refused_item(violations)
    # Only stored items count as earlier ones: a refused one does not affect the others.
    moved_ids.add(order.id)
    return ItemResult(changes.with_changes(order, {"status": each.to}), UPDATED)


def _violations(each: OrderTransition, order: Order | None, moved_ids: set[int]) -> Iterator[DomainError]:
    """As of transitionOrder: after a VersionConflict the status is not checked."""
    if each.order_id in moved_ids:
        yield domain_errors.Repeated("id")
    if order is None:
        yield domain_errors.NotFound("Order", each.order_id or 0)
    else:
        yield from changes.version_conflict(order, each.expected) or illegal_transition(order, each.to)


async def _write(
    transaction: Transaction, batch: OrderBatch, inputs: Sequence[OrderInput], all_or_nothing: bool
) -> tuple[ItemResult, ...]:
    references = [each.reference for each in inputs if each.reference is not None]
    if references:
        batch.stored = await _stored(transaction, references)
    new = [each.values for each in inputs if not batch.changed_by(each)]
    customer_ids = {values["customer_id"] for values in new if "customer_id" in values}
    if customer_ids:
        batch.customers = await _customers(transaction, customer_ids)
    for each in inputs:
        batch.add(each)
    await item_results.require_storable(transaction, batch.items, all_or_nothing)
    try:
        await _store(transaction, batch)
    except errors.DuplicateKey as error:
        raise errors.ConcurrentInsert from error
    return tuple(batch.items)


async def _stored(transaction: Transaction, references: Sequence[str]) -> dict[str, StoredOrder]:
    """The orders with their lines, by reference, of any customer; locked if they may be changed."""
    both = orders.outerjoin(order_lines, order_lines.c.order_id == orders.c.id)
    statement = (
        sa.select(*orders.c, *order_lines.c).select_from(both).order_by(orders.c.id, order_lines.c.position)
    )
    found: dict[str, StoredOrder] = {}
    width = len(orders.c)
    for row in await transaction.lock_unscoped(statement, orders.c.reference.in_(references), orders):
        order, line = Order._make(row[:width]), OrderLine._make(row[width:])
        stored = found.setdefault(str(order.reference), StoredOrder(order, []))
        if line.order_id is not None:
            stored.lines.append(line)
    return found


async def _customers(transaction: Transaction, ids: set[int]) -> dict[int, Customer]:
    """The customers, locked, as the foreign keys of new orders lock them anyway."""
    rows = await transaction.lock(customers, ids)
    return {row.id: Customer._make(row) for row in rows}


async def _store(transaction: Transaction, batch: OrderBatch) -> None:
    indexes = [index for index, item in enumerate(batch.items) if item.result in (CREATED, UPDATED)]
    rows = [_columns(batch.items[index].row) for index in indexes]
    if not rows:
        return
    if batch.changes_stored:
        by_reference = await bulk_write.upsert(transaction, orders, rows, "reference", UPDATED_COLUMNS)
        ids = [by_reference[row["reference"]] for row in rows]
    else:
        ids = await bulk_write.insert(transaction, orders, rows, _inserted(rows))
    for index, row_id in zip(indexes, ids, strict=True):
        item = batch.items[index]
        batch.items[index] = item._replace(row=item.row._replace(id=row_id))
    written = {batch.items[index].row.id: batch.lines[index] for index in indexes if index in batch.lines}
    emptied = [order_id for order_id, each in written.items() if each.before]
    if emptied:
        await lines.delete_many(transaction, emptied)
    await lines.insert_many(transaction, {order_id: each.after for order_id, each in written.items()})
    created = Counter(item.row.customer_id for item in batch.items if item.result == CREATED)
    if created:
        await add_to_orders_count(transaction, created)
    await audit_log.record(transaction, list(_entries(batch, indexes)))


def _inserted(rows: Sequence[dict[str, Any]]) -> sa.ColumnElement[bool]:
    """Condition for the inserted orders, some without a reference: their customers stay locked."""
    moments = [row["created_at"] for row in rows]
    of_them = orders.c.customer_id.in_({row["customer_id"] for row in rows})
    return of_them & orders.c.created_at.between(min(moments), max(moments))


def _columns(row: Order) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "id"}


def _entries(batch: OrderBatch, indexes: Sequence[int]) -> Iterator[AuditEntry]:
    for index in indexes:
        item, written = batch.items[index], batch.lines.get(index)
        if item.result == CREATED:
            after = audited_values(item.row, written.after if written else ())
            yield AuditEntry(item.row, audit_log.CREATED, item.row.created_at, {}, after)
        else:
            yield changes.update_entry(batch.stored[item.row.reference].order, item.row, written)
