"""The rules of orders and of their lines, on both databases."""

import asyncio
from decimal import Decimal
from itertools import product

import pytest

from db import customers, domain_errors, order_lines, orders
from db.engine.database import Database
from db.models import Order, OrderLine
from db.money import LineInput, Money
from tests.db.order_steps import STATUSES, lines_of, place, stored, update
from tests.db.raw_sql import run
from tests.factories import create_customer, create_order, line

ALLOWED = {
    ("PENDING", "PAID"),
    ("PENDING", "CANCELLED"),
    ("PAID", "FULFILLED"),
    ("PAID", "REFUNDED"),
    ("FULFILLED", "REFUNDED"),
}
NOTHING = 7


async def _transition(database: Database, order: Order, to: str) -> Order:
    return await database.write(lambda transaction: orders.transition(transaction, order.id, to))


async def _delete(database: Database, order_id: int) -> int:
    return await database.write(lambda transaction: orders.delete(transaction, order_id))


async def test_a_new_order_is_stored_as_it_comes_back(database: Database) -> None:
    """PENDING, with version 1; it was placed now unless said otherwise."""
    customer = await create_customer(database)
    order = await create_order(database, customer, total=Money(Decimal("12.5"), "EUR"), reference="SO-1")
    now = order.created_at

    expected = Order(order.id, customer.id, "SO-1", "PENDING", Decimal("12.5"), "EUR", now, 1, now, now)
    assert expected == order
    assert [order] == await stored(database, order)
    assert [order] == await orders.get_many(database.reader(), "reference", ["SO-1", "SO-2"])


async def test_the_total_is_the_sum_of_the_lines(database: Database) -> None:
    """Exact, in their currency, and the lines are numbered as they were sent."""
    sent = [line("B", 3, "0.1", "CHF"), line("A", 1_000_000, "0.0001", "CHF"), line("B", 1, "0", "CHF")]
    order = await place(database, *sent)

    assert (Decimal("100.3"), "CHF") == (order.total, order.currency)
    assert [order] == await stored(database, order)
    assert [
        OrderLine(order.id, 1, "B", "Article B", 3, Decimal("0.1"), "CHF"),
        OrderLine(order.id, 2, "A", "Article A", 1_000_000, Decimal("0.0001"), "CHF"),
        OrderLine(order.id, 3, "B", "Article B", 1, Decimal(0), "CHF"),
    ] == await lines_of(database, order)


async def test_two_hundred_lines_keep_their_order(database: Database) -> None:
    """As many as an order may have, up to the largest total."""
    sent = [line(f"SKU-{number}", 1, "499999999.9999") for number in range(200)]
    order = await place(database, *sent)

    assert Decimal("99999999999.98") == order.total
    assert [each.sku for each in sent] == [each.sku for each in await lines_of(database, order)]


async def test_lines_come_by_order(database: Database) -> None:
    """In one statement for many; an order without lines has no entry."""
    first, bare, last = (
        await place(database, line("A"), line("B")),
        await place(database),
        await place(database, line("C")),
    )
    found = await order_lines.get_by_order(database.reader(), [last.id, first.id, bare.id, NOTHING])

    assert {first.id: ["A", "B"], last.id: ["C"]} == {
        order_id: [each.sku for each in rows] for order_id, rows in found.items()
    }


@pytest.mark.parametrize(
    ("sent", "error", "field"),
    [
        ([line(currency="EUR"), line(currency="USD")], domain_errors.MixedCurrencies, "lines"),
        ([line(), line(quantity=2, price="50000000000")], domain_errors.AmountOutOfRange, "lines.1"),
        ([line(price="99999999999.9999"), line(price="0.0001")], domain_errors.AmountOutOfRange, "lines"),
    ],
)
async def test_lines_that_make_no_total_are_refused(
    database: Database, sent: list[LineInput], error: type[domain_errors.DomainError], field: str
) -> None:
    """Of a new order and of a changed one; nothing is stored."""
    order = await place(database, line())
    with pytest.raises(error) as by_insert:
        await place(database, *sent)
    with pytest.raises(error) as by_update:
        await update(database, order, *sent)

    assert [field, field] == [by_insert.value.field, by_update.value.field]
    assert [(1,)] == await run(database, "SELECT COUNT(*) FROM orders")
    assert [order] == await stored(database, order)


async def test_an_order_needs_a_customer_who_buys(database: Database) -> None:
    """Neither a stranger nor one who is archived."""
    customer = await create_customer(database)
    await database.write(lambda transaction: customers.archive(transaction, customer.id))
    with pytest.raises(domain_errors.CustomerArchived) as archived:
        await create_order(database, customer)
    with pytest.raises(domain_errors.NotFound) as missing:
        await create_order(database, customer._replace(id=NOTHING))

    assert "customer_id" == archived.value.field
    expected = ("Customer", NOTHING, "customer_id")
    assert expected == (missing.value.kind, missing.value.id, missing.value.field)
    assert [(0,)] == await run(database, "SELECT COUNT(*) FROM orders")


async def test_a_reference_that_is_taken_is_refused(database: Database) -> None:
    """By a new order, with its lines, and by a changed one."""
    taken, other = await place(database, reference="SO-1"), await place(database, reference="SO-2")
    with pytest.raises(domain_errors.Taken) as by_insert:
        await place(database, line(), reference="SO-1")
    with pytest.raises(domain_errors.Taken) as by_update:
        await update(database, other, reference="SO-1", total=Money(Decimal(1), "USD"))

    assert "reference" == by_insert.value.field
    assert "reference" == by_update.value.field
    assert [taken, other] == await stored(database, taken) + await stored(database, other)
    assert [(0,)] == await run(database, "SELECT COUNT(*) FROM order_lines")


async def test_every_transition_is_allowed_or_refused(database: Database) -> None:
    """All 25 of them: staying is none; the refusal names those that are allowed."""
    for current, wanted in product(STATUSES, STATUSES):
        order = await place(database, status=current)
        if (current, wanted) in ALLOWED:
            moved = await _transition(database, order, wanted)

            assert order._replace(status=wanted, version=2, updated_at=moved.updated_at) == moved
            assert [moved] == await stored(database, order)
            continue
        with pytest.raises(domain_errors.IllegalTransition) as illegal:
            await _transition(database, order, wanted)

        allowed = {to for status, to in ALLOWED if status == current}
        assert (current, wanted) == (illegal.value.current, illegal.value.wanted)
        assert allowed == set(illegal.value.allowed)
        assert [order] == await stored(database, order)


async def test_of_two_transitions_at_once_one_wins(database: Database) -> None:
    """The other one sees the new status."""
    order = await place(database)
    results = await asyncio.gather(
        *(_transition(database, order, to) for to in ("PAID", "CANCELLED")), return_exceptions=True
    )
    (won,) = (result for result in results if isinstance(result, Order))
    (lost,) = (result for result in results if isinstance(result, domain_errors.IllegalTransition))

    assert 2 == won.version
    assert won.status == lost.current
    assert [won] == await stored(database, order)


@pytest.mark.parametrize("status", STATUSES)
async def test_only_pending_and_cancelled_orders_are_deleted(database: Database, status: str) -> None:
    """With their lines."""
    order, other = await place(database, line(), status=status), await place(database, line())
    if status in {"PENDING", "CANCELLED"}:
        assert order.id == await _delete(database, order.id)
        assert [] == await stored(database, order) + await lines_of(database, order)
    else:
        with pytest.raises(domain_errors.NotDeletable) as refused:
            await _delete(database, order.id)
        assert (status, "id") == (refused.value.status, refused.value.field)
        assert [order] == await stored(database, order)
        assert 1 == len(await lines_of(database, order))

    assert 1 == len(await lines_of(database, other))


async def test_what_is_not_there_is_not_found(database: Database) -> None:
    """By the id that was named."""
    missing = (await place(database))._replace(id=NOTHING)
    for attempt in (
        update(database, missing, reference="SO-1"),
        _transition(database, missing, "PAID"),
        _delete(database, NOTHING),
    ):
        with pytest.raises(domain_errors.NotFound) as error:
            await attempt

        assert ("Order", NOTHING, "id") == (error.value.kind, error.value.id, error.value.field)
