"""The rules of orders and of their lines, on both databases."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from db import customers, errors, lines, orders
from db.database import Database
from db.models import Order, OrderLine
from db.money import Line, Money
from tests.db.sql import run
from tests.factories import TEN_EUROS, create_customer, create_order, line

ALLOWED = {
    ("PENDING", "PAID"),
    ("PENDING", "CANCELLED"),
    ("PAID", "FULFILLED"),
    ("PAID", "REFUNDED"),
    ("FULFILLED", "REFUNDED"),
}
STATUSES = ("PENDING", "PAID", "FULFILLED", "CANCELLED", "REFUNDED")
NOTHING = 7


async def _order(database: Database, *sent: Line, status: str = "PENDING", **values: Any) -> Order:
    """An order of a customer of its own, in any status."""
    order = await create_order(database, await create_customer(database), *sent, **values)
    await run(database, f"UPDATE orders SET status = '{status}' WHERE id = {order.id}")
    return order._replace(status=status)


async def _update(
    database: Database, order: Order, *sent: Line, total: Money | None = None, **values: Any
) -> Order:
    return await database.write(lambda transaction: orders.update(transaction, order.id, values, total, sent))


async def _transition(database: Database, order: Order, to: str) -> Order:
    return await database.write(lambda transaction: orders.transition(transaction, order.id, to))


async def _delete(database: Database, order_id: int) -> int:
    return await database.write(lambda transaction: orders.delete(transaction, order_id))


async def _stored(database: Database, order: Order) -> list[Order]:
    return await orders.get_many(database.reader(), "id", [order.id])


async def _lines(database: Database, order: Order) -> list[OrderLine]:
    return (await lines.get_by_order(database.reader(), [order.id])).get(order.id, [])


async def test_a_new_order_is_stored_as_it_comes_back(database: Database) -> None:
    """PENDING, with version 1; it was placed now unless said otherwise."""
    customer = await create_customer(database)
    order = await create_order(database, customer, total=Money(Decimal("12.5"), "EUR"), reference="SO-1")
    now = order.created_at

    expected = Order(order.id, customer.id, "SO-1", "PENDING", Decimal("12.5"), "EUR", now, 1, now, now)
    assert expected == order
    assert [order] == await _stored(database, order)
    assert [order] == await orders.get_many(database.reader(), "reference", ["SO-1", "SO-2"])


async def test_the_total_is_the_sum_of_the_lines(database: Database) -> None:
    """Exact, in their currency, and the lines are numbered as they were sent."""
    sent = [line("B", 3, "0.1", "CHF"), line("A", 1_000_000, "0.0001", "CHF"), line("B", 1, "0", "CHF")]
    order = await _order(database, *sent)

    assert (Decimal("100.3"), "CHF") == (order.total, order.currency)
    assert [order] == await _stored(database, order)
    assert [
        OrderLine(order.id, 1, "B", "Article B", 3, Decimal("0.1"), "CHF"),
        OrderLine(order.id, 2, "A", "Article A", 1_000_000, Decimal("0.0001"), "CHF"),
        OrderLine(order.id, 3, "B", "Article B", 1, Decimal(0), "CHF"),
    ] == await _lines(database, order)


async def test_two_hundred_lines_keep_their_order(database: Database) -> None:
    """As many as an order may have, up to the largest total."""
    sent = [line(f"SKU-{number}", 1, "499999999.9999") for number in range(200)]
    order = await _order(database, *sent)

    assert Decimal("99999999999.98") == order.total
    assert [each.sku for each in sent] == [each.sku for each in await _lines(database, order)]


async def test_lines_come_by_order(database: Database) -> None:
    """In one statement for many; an order without lines has no entry."""
    first, bare, last = (
        await _order(database, line("A"), line("B")),
        await _order(database),
        await _order(database, line("C")),
    )
    found = await lines.get_by_order(database.reader(), [last.id, first.id, bare.id, NOTHING])

    assert {first.id: ["A", "B"], last.id: ["C"]} == {
        order_id: [each.sku for each in rows] for order_id, rows in found.items()
    }


@pytest.mark.parametrize(
    ("sent", "error", "field"),
    [
        ([line(currency="EUR"), line(currency="USD")], errors.MixedCurrencies, "lines"),
        ([line(), line(quantity=2, price="50000000000")], errors.AmountOutOfRange, "lines.1"),
        ([line(price="99999999999.9999"), line(price="0.0001")], errors.AmountOutOfRange, "lines"),
    ],
)
async def test_lines_that_make_no_total_are_refused(
    database: Database, sent: list[Line], error: type[errors.Refused], field: str
) -> None:
    """Of a new order and of a changed one; nothing is stored."""
    order = await _order(database, line())
    with pytest.raises(error) as by_insert:
        await _order(database, *sent)
    with pytest.raises(error) as by_update:
        await _update(database, order, *sent)

    assert [field, field] == [by_insert.value.field, by_update.value.field]
    assert [(1,)] == await run(database, "SELECT COUNT(*) FROM orders")
    assert [order] == await _stored(database, order)


async def test_an_order_needs_a_customer_who_buys(database: Database) -> None:
    """Neither a stranger nor one who is archived."""
    customer = await create_customer(database)
    await database.write(lambda transaction: customers.archive(transaction, customer.id))
    with pytest.raises(errors.CustomerArchived) as archived:
        await create_order(database, customer)
    with pytest.raises(errors.NotFound) as missing:
        await create_order(database, customer._replace(id=NOTHING))

    assert "customer_id" == archived.value.field
    expected = ("Customer", NOTHING, "customer_id")
    assert expected == (missing.value.kind, missing.value.id, missing.value.field)
    assert [(0,)] == await run(database, "SELECT COUNT(*) FROM orders")


async def test_a_reference_that_is_taken_is_refused(database: Database) -> None:
    """By a new order, with its lines, and by a changed one."""
    taken, other = await _order(database, reference="SO-1"), await _order(database, reference="SO-2")
    with pytest.raises(errors.Taken) as by_insert:
        await _order(database, line(), reference="SO-1")
    with pytest.raises(errors.Taken) as by_update:
        await _update(database, other, reference="SO-1", total=Money(Decimal(1), "USD"))

    assert ("reference", "SO-1") == (by_insert.value.field, by_insert.value.value)
    assert ("reference", "SO-1") == (by_update.value.field, by_update.value.value)
    assert [taken, other] == await _stored(database, taken) + await _stored(database, other)
    assert [(0,)] == await run(database, "SELECT COUNT(*) FROM order_lines")


async def test_a_change_raises_the_version_by_one(database: Database) -> None:
    """However many columns it changes."""
    placed_at = datetime(2024, 5, 1, 12, tzinfo=UTC)
    old = await _order(database, reference="SO-1")
    total = Money(Decimal("99.99"), "USD")
    new = await _update(database, old, total=total, reference=None, placed_at=placed_at)

    expected = old._replace(
        reference=None,
        total=Decimal("99.99"),
        currency="USD",
        placed_at=placed_at,
        version=2,
        updated_at=new.updated_at,
    )
    assert expected == new
    assert [new] == await _stored(database, new)


async def test_a_change_that_changes_nothing_keeps_the_version(database: Database) -> None:
    """An amount is the same with other zeros, and lines are the same when all of them are."""
    bare, lined = await _order(database, reference="SO-1"), await _order(database, line("A"), line("B"))
    same_total = Money(Decimal("10.0000"), "EUR")

    assert bare == await _update(database, bare)
    assert bare == await _update(database, bare, total=same_total, reference="SO-1")
    assert lined == await _update(database, lined, line("A", price="12.5000"), line("B"))
    assert [bare, lined] == await _stored(database, bare) + await _stored(database, lined)


@pytest.mark.parametrize(
    "sent",
    [
        [line("A")._replace(name="Other")],
        [line("A"), line("B")],
        [line("B", price="6.25"), line("A", price="6.25")],
        [line("A", quantity=2, price="6.25")],
    ],
    ids=["name", "one more", "others", "other factors"],
)
async def test_other_lines_raise_the_version_by_one(database: Database, sent: list[Line]) -> None:
    """Also where the total stays the same: all lines are replaced."""
    old = await _order(database, line("A"))
    new = await _update(database, old, *sent)

    total = sum((each.unit_price.amount * each.quantity for each in sent), Decimal(0))
    assert old._replace(total=total, version=2, updated_at=new.updated_at) == new
    assert [new] == await _stored(database, old)
    assert [(index + 1, each.sku, each.name) for index, each in enumerate(sent)] == [
        (each.position, each.sku, each.name) for each in await _lines(database, old)
    ]


async def test_lines_may_change_the_currency(database: Database) -> None:
    """All of them together."""
    old = await _order(database, line("A"), line("B"))
    new = await _update(database, old, line("A", currency="USD"))

    assert (Decimal("12.5"), "USD", 2) == (new.total, new.currency, new.version)
    assert ["USD"] == [each.currency for each in await _lines(database, old)]


async def test_an_order_without_lines_may_get_some(database: Database) -> None:
    """From then on its total is theirs."""
    order = await _update(database, await _order(database), line())

    assert (Decimal("12.5"), 2) == (order.total, order.version)
    with pytest.raises(errors.HasLines) as refused:
        await _update(database, order, total=TEN_EUROS)
    assert "total" == refused.value.field
    assert [order] == await _stored(database, order)


@pytest.mark.parametrize("status", STATUSES[1:])
async def test_lines_and_total_change_only_while_pending(database: Database, status: str) -> None:
    """The reference and the moment do later, too."""
    order = await _order(database, status=status)
    with pytest.raises(errors.NotEditable) as by_lines:
        await _update(database, order, line())
    with pytest.raises(errors.NotEditable) as by_total:
        await _update(database, order, total=TEN_EUROS)
    changed = await _update(database, order, reference="SO-1")

    assert (status, "lines") == (by_lines.value.status, by_lines.value.field)
    assert (status, "total") == (by_total.value.status, by_total.value.field)
    assert ("SO-1", 2) == (changed.reference, changed.version)


async def test_every_transition_is_allowed_or_refused(database: Database) -> None:
    """All 25 of them: staying is none; the refusal names those that are allowed."""
    for current, wanted in product(STATUSES, STATUSES):
        order = await _order(database, status=current)
        if (current, wanted) in ALLOWED:
            moved = await _transition(database, order, wanted)

            assert order._replace(status=wanted, version=2, updated_at=moved.updated_at) == moved
            assert [moved] == await _stored(database, order)
            continue
        with pytest.raises(errors.IllegalTransition) as illegal:
            await _transition(database, order, wanted)

        allowed = {to for status, to in ALLOWED if status == current}
        assert (current, wanted) == (illegal.value.current, illegal.value.wanted)
        assert allowed == set(illegal.value.allowed)
        assert [order] == await _stored(database, order)


async def test_of_two_transitions_at_once_one_wins(database: Database) -> None:
    """The other one sees the new status."""
    order = await _order(database)
    results = await asyncio.gather(
        *(_transition(database, order, to) for to in ("PAID", "CANCELLED")), return_exceptions=True
    )
    (won,) = (result for result in results if isinstance(result, Order))
    (lost,) = (result for result in results if isinstance(result, errors.IllegalTransition))

    assert 2 == won.version
    assert won.status == lost.current
    assert [won] == await _stored(database, order)


@pytest.mark.parametrize("status", STATUSES)
async def test_only_pending_and_cancelled_orders_are_deleted(database: Database, status: str) -> None:
    """With their lines."""
    order, other = await _order(database, line(), status=status), await _order(database, line())
    if status in {"PENDING", "CANCELLED"}:
        assert order.id == await _delete(database, order.id)
        assert [] == await _stored(database, order) + await _lines(database, order)
    else:
        with pytest.raises(errors.NotDeletable) as refused:
            await _delete(database, order.id)
        assert (status, "id") == (refused.value.status, refused.value.field)
        assert [order] == await _stored(database, order)
        assert 1 == len(await _lines(database, order))

    assert 1 == len(await _lines(database, other))


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    """By the id that was named."""
    missing = (await _order(database))._replace(id=NOTHING)
    for attempt in (
        _update(database, missing, reference="SO-1"),
        _transition(database, missing, "PAID"),
        _delete(database, NOTHING),
    ):
        with pytest.raises(errors.NotFound) as error:
            await attempt

        assert ("Order", NOTHING, "id") == (error.value.kind, error.value.id, error.value.field)
