"""All SQL on orders and their lines, and the rules of an order's status."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from db import changes, customers, errors, keyed, lines, money, refusals
from db.changes import Lines
from db.models import Order, orders
from db.money import Line, Money
from db.reader import Reader, Transaction

PENDING = "PENDING"
TRANSITIONS: dict[str, tuple[str, ...]] = {
    PENDING: ("PAID", "CANCELLED"),
    "PAID": ("FULFILLED", "REFUNDED"),
    "FULFILLED": ("REFUNDED",),
    "CANCELLED": (),
    "REFUNDED": (),
}
DELETABLE = {PENDING, "CANCELLED"}


async def get_many(reader: Reader, column: str, values: Sequence[Any]) -> list[Order]:
    """The orders whose `column`, a unique one, has one of `values`; in no order."""
    found = await keyed.fetch(reader, orders, column, values)
    return [Order._make(row) for row in found]


async def lock(transaction: Transaction, order_id: int) -> Order:
    """The order, locked until the transaction ends. Raises NotFound."""
    rows = await transaction.lock(orders, [order_id])
    if not rows:
        raise refusals.NotFound("Order", order_id)
    return Order._make(rows[0])


async def insert(
    transaction: Transaction, values: Mapping[str, Any], total: Money | None, sent: Sequence[Line]
) -> Order:
    """A new PENDING order from `customer_id`, `reference` and `placed_at`, with a total or lines.

    Locks the customer, as the foreign key would do anyway. Raises NotFound, CustomerArchived, Taken,
    MixedCurrencies and AmountOutOfRange.
    """
    if transaction.owner not in (None, values["customer_id"]):
        raise refusals.NotFound("Customer", values["customer_id"], "customer_id")
    moment = changes.now()
    columns = {"reference": None, "placed_at": moment, **values, **_columns(total or money.total_of(sent))}
    columns |= {"status": PENDING, "version": 1, "created_at": moment, "updated_at": moment}
    try:
        inserted = await transaction.execute(_insertion(columns), for_update=True)
    except errors.DuplicateKey as error:
        raise refusals.Taken(error.column) from error
    if not inserted.rowcount:
        await customers.require_active(transaction, values["customer_id"])
    order = Order(id=inserted.lastrowid, **columns)
    await lines.insert_many(transaction, {order.id: sent})
    await changes.created(transaction, order, sent)
    return order


async def update(
    transaction: Transaction,
    order_id: int,
    values: Mapping[str, Any],
    total: Money | None = None,
    sent: Sequence[Line] = (),
    expected: int | None = None,
) -> Order:
    """Change what `values` names, and the total or the lines while PENDING.

    Raises NotFound, VersionConflict, NotEditable, HasLines, Taken, MixedCurrencies and AmountOutOfRange.
    """
    order = await lock(transaction, order_id)
    await changes.expect(transaction, order, expected)
    if total or sent:
        _require_pending(order, "lines" if sent else "total")
    replaced = None
    if sent:
        total = money.total_of(sent)
        before = await lines.replace(transaction, order.id, sent)
        replaced = None if before is None else Lines(before, sent)
    elif total and await lines.exist(transaction, order.id):
        raise refusals.HasLines
    try:
        stored = {**values, **(_columns(total) if total else {})}
        return await changes.apply(transaction, orders, order, stored, replaced)
    except errors.DuplicateKey as error:
        raise refusals.Taken(error.column) from error


async def transition(transaction: Transaction, order_id: int, to: str, expected: int | None = None) -> Order:
    """Move the order to another status. Raises NotFound, VersionConflict or IllegalTransition."""
    order = await lock(transaction, order_id)
    await changes.expect(transaction, order, expected)
    require_transition(order, to)
    return await changes.apply(transaction, orders, order, {"status": to})


async def delete(transaction: Transaction, order_id: int, expected: int | None = None) -> int:
    """Delete an order with its lines; its id. Raises NotFound, VersionConflict or NotDeletable."""
    order = await lock(transaction, order_id)
    await changes.expect(transaction, order, expected)
    if order.status not in DELETABLE:
        raise refusals.NotDeletable(order.status)
    stored = (await lines.get_by_order(transaction, [order.id])).get(order.id, [])
    if stored:
        await lines.delete_many(transaction, [order.id])
    await transaction.execute(orders.delete().where(orders.c.id == order.id))
    await changes.deleted(transaction, order, stored)
    return order_id


def require_transition(order: Order, to: str) -> None:
    """Raises IllegalTransition."""
    allowed = TRANSITIONS[order.status]
    if to not in allowed:
        raise refusals.IllegalTransition(order.status, to, allowed)


def _insertion(columns: Mapping[str, Any]) -> sa.Insert:
    """Inserts the order if its customer is there and not archived, and locks the customer: one statement."""
    values = [sa.literal(value, orders.c[name].type).label(name) for name, value in columns.items()]
    owner = customers.active(columns["customer_id"]).with_only_columns(*values)
    return orders.insert().from_select(list(columns), owner, include_defaults=False)


def _columns(total: Money) -> dict[str, Any]:
    return {"total": total.amount, "currency": total.currency}


def _require_pending(order: Order, field: str) -> None:
    if order.status != PENDING:
        raise refusals.NotEditable(order.status, field)
