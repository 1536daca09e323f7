"""Many orders in one transaction: the number of statements does not depend on how many they are."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import domain_errors, errors
from db import order_lines as lines
from db.audit import audit_log, changes
from db.audit.audit_log import Entry, content
from db.batches import bulk_write, item_results
from db.batches.item_results import CREATED, UPDATED, Item
from db.batches.order_changes import New, Plan, Stored
from db.models import Customer, Order, OrderLine, customers, order_lines, orders
from db.orders import require_transition
from db.reader import Transaction

CHANGED = ("total", "currency", "placed_at", "version", "updated_at")


class Transition(NamedTuple):
    """An order by its id, where it is to go, and the version it is expected to have."""

    order_id: int
    to: str
    expected: int | None = None


async def create(transaction: Transaction, sent: Sequence[New], all_or_nothing: bool) -> tuple[Item, ...]:
    """Create orders; an item an order, in their order.

    An item is refused with NotFound, CustomerArchived, Taken, Repeated, MixedCurrencies or AmountOutOfRange,
    and spoils no other; with `all_or_nothing` it raises BatchRefused. Raises Overtaken when others took a
    reference meanwhile.
    """
    return await _write(transaction, Plan(owner=transaction.owner), sent, all_or_nothing)


async def upsert(transaction: Transaction, sent: Sequence[New], all_or_nothing: bool) -> tuple[Item, ...]:
    """Create or change orders by `reference`, as `create` does.

    An order that is there is refused with OtherCustomer, VersionConflict, NotEditable or HasLines, too.
    """
    return await _write(transaction, Plan(changes_stored=True, owner=transaction.owner), sent, all_or_nothing)


async def transition(
    transaction: Transaction, sent: Sequence[Transition], all_or_nothing: bool
) -> tuple[Item, ...]:
    """Move orders to other statuses; an item an order, in their order.

    An item is refused with NotFound, Repeated, VersionConflict or IllegalTransition, and spoils no other;
    with `all_or_nothing` it raises BatchRefused.
    """
    ids = {each.order_id for each in sent}
    rows = await transaction.lock(orders, ids)
    waiting = {row.id: Order._make(row) for row in rows}
    found: list[Item] = []
    seen: set[int] = set()
    for each in sent:
        found.append(item_results.attempt(_moved, each, waiting, seen))
    await item_results.settle(transaction, found, all_or_nothing)
    moved = [item.row for item in found if item.row]
    if moved:
        await bulk_write.update(transaction, orders, moved, ("status", "version", "updated_at"))
        await audit_log.record(transaction, [changes.updated(waiting[row.id], row) for row in moved])
    return tuple(found)


def _moved(each: Transition, waiting: dict[int, Order], seen: set[int]) -> Item:
    if each.order_id in seen:
        raise domain_errors.Repeated("id")
    order = waiting.get(each.order_id)
    if order is None:
        raise domain_errors.NotFound("Order", each.order_id)
    changes.require_version(order, each.expected)
    require_transition(order, each.to)
    # Only now: an item that is refused stands in no other's way.
    seen.add(each.order_id)
    return Item(changes.changed_row(order, {"status": each.to}), UPDATED)


async def _write(
    transaction: Transaction, plan: Plan, sent: Sequence[New], all_or_nothing: bool
) -> tuple[Item, ...]:
    references = [each.reference for each in sent if each.reference is not None]
    if references:
        plan.stored = await _stored(transaction, references)
    owners = {each.values["customer_id"] for each in sent if each.reference not in plan.stored}
    if owners:
        plan.owners = await _owners(transaction, owners)
    for each in sent:
        plan.add(each)
    await item_results.settle(transaction, plan.items, all_or_nothing)
    try:
        await _store(transaction, plan)
    except errors.DuplicateKey as error:
        raise errors.Overtaken from error
    return tuple(plan.items)


async def _stored(transaction: Transaction, references: Sequence[str]) -> dict[str, Stored]:
    """The orders with their lines, by reference, whosever they are; locked where they may be changed."""
    both = orders.outerjoin(order_lines, order_lines.c.order_id == orders.c.id)
    statement = (
        sa.select(*orders.c, *order_lines.c).select_from(both).order_by(orders.c.id, order_lines.c.position)
    )
    found: dict[str, Stored] = {}
    width = len(orders.c)
    for row in await transaction.lock_anybodys(statement, orders.c.reference.in_(references), orders):
        order, line = Order._make(row[:width]), OrderLine._make(row[width:])
        stored = found.setdefault(str(order.reference), Stored(order, []))
        if line.order_id is not None:
            stored.lines.append(line)
    return found


async def _owners(transaction: Transaction, ids: set[int]) -> dict[int, Customer]:
    """The customers, locked, as the foreign keys of new orders would do anyway."""
    rows = await transaction.lock(customers, ids)
    return {row.id: Customer._make(row) for row in rows}


async def _store(transaction: Transaction, plan: Plan) -> None:
    places = [place for place, item in enumerate(plan.items) if item.done in (CREATED, UPDATED)]
    rows = [_columns(plan.items[place].row) for place in places]
    if not rows:
        return
    if plan.changes_stored:
        by_reference = await bulk_write.upsert(transaction, orders, rows, "reference", CHANGED)
        ids = [by_reference[row["reference"]] for row in rows]
    else:
        ids = await bulk_write.insert(transaction, orders, rows, _created_by(rows))
    for place, row_id in zip(places, ids, strict=True):
        item = plan.items[place]
        plan.items[place] = item._replace(row=item.row._replace(id=row_id))
    written = {plan.items[place].row.id: plan.lines[place] for place in places if place in plan.lines}
    emptied = [order_id for order_id, each in written.items() if each.before]
    if emptied:
        await lines.delete_many(transaction, emptied)
    await lines.insert_many(transaction, {order_id: each.after for order_id, each in written.items()})
    await audit_log.record(transaction, list(_entries(plan, places)))


def _created_by(rows: Sequence[dict[str, Any]]) -> sa.ColumnElement[bool]:
    """Finds new orders, which may have no reference: their customers are locked, and get no others now."""
    moments = [row["created_at"] for row in rows]
    of_them = orders.c.customer_id.in_({row["customer_id"] for row in rows})
    return of_them & orders.c.created_at.between(min(moments), max(moments))


def _columns(row: Order) -> dict[str, Any]:
    return {name: value for name, value in row._asdict().items() if name != "id"}


def _entries(plan: Plan, places: Sequence[int]) -> Iterator[Entry]:
    for place in places:
        item, written = plan.items[place], plan.lines.get(place)
        if item.done == CREATED:
            after = content(item.row, written.after if written else ())
            yield Entry(item.row, audit_log.CREATED, item.row.created_at, {}, after)
        else:
            yield changes.updated(plan.stored[item.row.reference].order, item.row, written)
