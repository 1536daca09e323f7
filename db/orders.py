"""All SQL on orders and their lines, and the rules of an order's status."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from db import customers, domain_errors, errors, money, order_lines, select_by_key
from db.audit import changes
from db.audit.changes import LineChange
from db.domain_errors import DomainError
from db.models import Order, orders
from db.models import customers as customer_rows
from db.money import LineInput, Money
from db.reader import Reader, Transaction


class OrderStatus(StrEnum):
    """The statuses of an order; GraphQL's enum is made of them."""

    PENDING = "PENDING"
    PAID = "PAID"
    FULFILLED = "FULFILLED"
    CANCELLED = "CANCELLED"
    REFUNDED = "REFUNDED"


PENDING, PAID, FULFILLED, CANCELLED, REFUNDED = (status.value for status in OrderStatus)
TRANSITIONS: dict[str, tuple[str, ...]] = {
    PENDING: (PAID, CANCELLED),
    PAID: (FULFILLED, REFUNDED),
    FULFILLED: (REFUNDED,),
    CANCELLED: (),
    REFUNDED: (),
}
DELETABLE = {PENDING, CANCELLED}


async def get_many(reader: Reader, column: str, values: Sequence[Any]) -> list[Order]:
    """The orders whose `column`, a unique one, has one of `values`; in no order."""
    found = await select_by_key.fetch(reader, orders, column, values)
    return [Order._make(row) for row in found]


async def lock(transaction: Transaction, order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    rows = await transaction.lock(orders, [order_id])
    if not rows:
        raise domain_errors.NotFound("Order", order_id)
    return Order._make(rows[0])


async def insert(
    transaction: Transaction, values: Mapping[str, Any], total: Money | None, lines: Sequence[LineInput]
) -> Order:
    """A new PENDING order from `customer_id`, `reference` and `placed_at`, with a total or lines.

    Locks the customer, as the foreign key would do anyway. Raises NotFound, CustomerArchived, Taken,
    MixedCurrencies and AmountOutOfRange, or a DomainErrorGroup of them.
    """
    if transaction.owner not in (None, values["customer_id"]):
        raise domain_errors.combine(await find_insert_errors(transaction, values))
    moment = changes.utc_now()
    columns = {"reference": None, "placed_at": moment, **values, **_columns(total or money.total_of(lines))}
    columns |= {"status": PENDING, "version": 1, "created_at": moment, "updated_at": moment}
    if not await customers.count_new_order(transaction, values["customer_id"]):
        await _raise_insert_errors(transaction, values)
        # The customer was restored after the UPDATE looked.
        raise errors.ConcurrentInsert
    try:
        order = Order(id=await transaction.insert(orders, columns), **columns)
    except errors.DuplicateKey as error:
        raise domain_errors.Taken(error.column) from error
    await order_lines.insert_many(transaction, {order.id: lines})
    await changes.record_created(transaction, order, lines)
    return order


async def update(
    transaction: Transaction,
    order_id: int,
    values: Mapping[str, Any],
    total: Money | None = None,
    lines: Sequence[LineInput] = (),
    expected: int | None = None,
) -> Order:
    """Change what `values` names, and the total or the lines while PENDING.

    Raises NotFound, VersionConflict, NotEditable, HasLines, Taken, MixedCurrencies and AmountOutOfRange, or a
    DomainErrorGroup of them.
    """
    order = await lock(transaction, order_id)
    try:
        return await _update(transaction, order, values, total, lines, expected)
    except domain_errors.DomainError as refused:
        content = "lines" if lines else "total" if total else None
        found = await _find_update_errors(transaction, order, values, content, expected)
        raise domain_errors.combine([refused, *found]) from refused


async def _update(
    transaction: Transaction,
    order: Order,
    values: Mapping[str, Any],
    total: Money | None,
    lines: Sequence[LineInput],
    expected: int | None,
) -> Order:
    await changes.check_version(transaction, order, expected)
    if total or lines:
        _require_pending(order, "lines" if lines else "total")
    replaced = None
    if lines:
        total = money.total_of(lines)
        before = await order_lines.replace(transaction, order.id, lines)
        replaced = None if before is None else LineChange(before, lines)
    elif total and await order_lines.exist(transaction, order.id):
        raise domain_errors.HasLines
    try:
        stored = {**values, **(_columns(total) if total else {})}
        return await changes.update_row(transaction, orders, order, stored, replaced)
    except errors.DuplicateKey as error:
        raise domain_errors.Taken(error.column) from error


async def transition(transaction: Transaction, order_id: int, to: str, expected: int | None = None) -> Order:
    """Move the order to another status. Raises NotFound, VersionConflict or IllegalTransition."""
    order = await lock(transaction, order_id)
    await changes.check_version(transaction, order, expected)
    for illegal in illegal_transition(order, to):
        raise illegal
    return await changes.update_row(transaction, orders, order, {"status": to})


async def delete(transaction: Transaction, order_id: int, expected: int | None = None) -> int:
    """Delete an order with its lines; its id. Raises NotFound, VersionConflict or NotDeletable."""
    order = await lock(transaction, order_id)
    await changes.check_version(transaction, order, expected)
    if order.status not in DELETABLE:
        raise domain_errors.NotDeletable(order.status)
    stored = (await order_lines.get_by_order(transaction, [order.id])).get(order.id, [])
    if stored:
        await order_lines.delete_many(transaction, [order.id])
    # Before the DELETE, which locks the reference: a creation locks the customer and then its reference.
    await customers.add_to_orders_count(transaction, {order.customer_id: -1})
    await transaction.execute(orders.delete().where(orders.c.id == order.id))
    await changes.record_deleted(transaction, order, stored)
    return order_id


async def find_insert_errors(transaction: Transaction, values: Mapping[str, Any]) -> list[DomainError]:
    """All that is wrong with a new order of some of these values; nothing is locked or written."""
    found: list[DomainError] = []
    if "customer_id" in values:
        customer_id = values["customer_id"]
        archived = sa.select(customer_rows.c.archived_at).where(customer_rows.c.id == customer_id)
        rows = await transaction.fetch(archived)
        if not rows:
            found.append(domain_errors.NotFound("Customer", customer_id, "customer_id"))
        elif rows[0][0]:
            found.append(domain_errors.CustomerArchived())
    return [*found, *await _taken(transaction, values)]


async def find_update_errors(
    transaction: Transaction,
    order_id: int,
    values: Mapping[str, Any],
    content: str | None = None,
    expected: int | None = None,
) -> list[DomainError]:
    """All that is wrong with a change to some of these values; nothing is locked or written.

    `content` says what else is to be changed, "total" or "lines".
    """
    order = await _unlocked(transaction, order_id)
    if order is None:
        return [domain_errors.NotFound("Order", order_id)]
    return await _find_update_errors(transaction, order, values, content, expected)


async def find_transition_errors(
    transaction: Transaction, order_id: int, to: str, expected: int | None = None
) -> list[DomainError]:
    """All that is wrong with a transition; nothing is locked or written."""
    if found := await find_update_errors(transaction, order_id, {}, None, expected):
        return found
    return illegal_transition(await _unlocked(transaction, order_id), to)


async def find_delete_errors(
    transaction: Transaction, order_id: int, expected: int | None = None
) -> list[DomainError]:
    """All that is wrong with a deletion; nothing is locked or written."""
    if found := await find_update_errors(transaction, order_id, {}, None, expected):
        return found
    order = await _unlocked(transaction, order_id)
    return [] if order.status in DELETABLE else [domain_errors.NotDeletable(order.status)]


async def _unlocked(transaction: Transaction, order_id: int) -> Any:
    rows = await transaction.fetch(sa.select(*orders.c).where(orders.c.id == order_id))
    return Order._make(rows[0]) if rows else None


async def _find_update_errors(
    transaction: Transaction,
    order: Order,
    values: Mapping[str, Any],
    content: str | None,
    expected: int | None,
) -> list[DomainError]:
    """After a VersionConflict the order's own rules are not judged: its caller has not seen its status."""
    found = await changes.find_version_conflict(transaction, order, expected)
    if content and not found:
        if order.status != PENDING:
            found.append(domain_errors.NotEditable(order.status, content))
        elif content == "total" and await order_lines.exist(transaction, order.id):
            found.append(domain_errors.HasLines())
    return [*found, *await _taken(transaction, values, order.id)]


async def _taken(transaction: Transaction, values: Mapping[str, Any], order_id: int = 0) -> list[DomainError]:
    """Taken, if another order has the reference."""
    if values.get("reference") is None:
        return []
    same = sa.select(orders.c.id).where(orders.c.reference == values["reference"], orders.c.id != order_id)
    return [domain_errors.Taken("reference")] if await transaction.fetch_unscoped(same) else []


async def _raise_insert_errors(transaction: Transaction, values: Mapping[str, Any]) -> None:
    """Raises why no order was inserted for the customer."""
    try:
        await customers.require_active(transaction, values["customer_id"])
    except domain_errors.DomainError as refused:
        raise domain_errors.combine([refused, *await _taken(transaction, values)]) from refused


def illegal_transition(order: Order, to: str) -> list[DomainError]:
    """IllegalTransition, if the order's status does not lead there."""
    allowed = TRANSITIONS[order.status]
    return [] if to in allowed else [domain_errors.IllegalTransition(order.status, to, allowed)]


def _columns(total: Money) -> dict[str, Any]:
    return {"total": total.amount, "currency": total.currency}


def _require_pending(order: Order, field: str) -> None:
    if order.status != PENDING:
        raise domain_errors.NotEditable(order.status, field)
