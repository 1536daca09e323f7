"""A transaction of one customer's: no other's rows are changed, and none are made."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, domain_errors, errors, models, orders
from db.audit import changes, erasure
from db.batches import customer_batches, order_batches
from db.batches.customer_batches import CustomerUpsert
from db.batches.order_changes import OrderInput
from db.models import Customer, customer_words, history, order_lines
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import TEN_EUROS
from tests.table_rows import rows_of, stored_rows
from tests.two_customers import TwoCustomers

CUSTOMERS, ORDERS = models.customers, models.orders


async def test_a_transaction_changes_the_owners_rows(two: TwoCustomers) -> None:
    """An UPDATE and a DELETE of everything."""

    async def work(transaction: Transaction) -> list[int]:
        done = [
            await transaction.execute(CUSTOMERS.update().values(name="x")),
            await transaction.execute(ORDERS.update().values(status="PAID")),
            await transaction.execute(history.update().values(principal="x")),
            await transaction.execute(order_lines.delete()),
            await transaction.execute(customer_words.delete()),
        ]
        return [each.rowcount for each in done]

    before = await two.bobs_rows()
    counts = await two.write(work)

    assert [1, 2, 3, 1] == counts[:4]
    assert counts[4]
    assert before == await two.bobs_rows()


async def test_a_change_does_not_depend_on_others_rows(two: TwoCustomers) -> None:
    """Those of a table that only its condition names."""
    conditions = (CUSTOMERS.c.id != ORDERS.c.customer_id, CUSTOMERS.c.id == ORDERS.c.customer_id)

    async def work(transaction: Transaction) -> list[int]:
        paid = ORDERS.update().values(status="PAID")
        return [(await transaction.execute(paid.where(each))).rowcount for each in conditions]

    assert [0, 2] == await two.write(work)


async def test_what_would_be_anothers_is_not_stored(two: TwoCustomers) -> None:
    """By whatever way rows are inserted; nor can a customer be made."""
    moment = changes.utc_now()
    change = {
        "object_id": 1,
        "kind": "Customer",
        "version": 9,
        "action": "UPDATED",
        "at": moment,
        "principal": "x",
        "fields": "{}",
    }
    his, hers = {"customer_id": two.bob.id}, {"customer_id": two.ada.id}
    inserts: list[tuple[sa.Executable, Any]] = [
        (history.insert(), [{**change, **hers}, {**change, **his, "version": 10}]),
        (history.insert().values([{**change, **hers}, {**change, **his, "version": 10}]), None),
        (history.insert().values({**change, **his}), None),
        (history.insert().values(change), None),
        (customer_words.insert().values(word="x", **his), None),
        (CUSTOMERS.insert().values(two.ada._replace(id=0, username="eve", email=None)._asdict()), None),
    ]
    for statement, parameters in inserts:
        with pytest.raises(errors.RowLevelSecurityViolation):
            await two.write(lambda transaction, s=statement, p=parameters: transaction.execute(s, p))
    rows = [two.bobs[0]._asdict()]
    with pytest.raises(errors.RowLevelSecurityViolation):
        await two.write(lambda transaction: transaction.insert_many(ORDERS, rows))

    assert 6 == len(await rows_of(two.database, history))
    assert 4 == len(await rows_of(two.database, ORDERS))


async def test_an_owners_transaction_refuses_a_locking_read(two: TwoCustomers) -> None:
    """TiDB would lock the rows before it sees whose they are; `lock` finds that out first."""
    locking = sa.select(ORDERS.c.id).with_for_update()
    copying = ORDERS.insert().from_select(["id"], locking)
    for statement in (locking, sa.select(locking.subquery().c.id)):
        with pytest.raises(errors.StatementFailed, match="locking read"):
            await two.write(lambda transaction, s=statement: transaction.fetch(s))
    with pytest.raises(errors.StatementFailed, match="locking read"):
        await two.write(lambda transaction: transaction.execute(copying))

    ids = [order.id for order in (*two.bobs, *two.adas)]
    found = [
        await two.write(lambda transaction, t=table, i=wanted: transaction.lock(t, i))
        for table, wanted in ((ORDERS, ids), (CUSTOMERS, [two.bob.id, two.ada.id]), (ORDERS, ids[:1]))
    ]
    assert [sorted(ids[2:]), [two.ada.id], []] == [[row.id for row in rows] for rows in found]


MUTATIONS: dict[str, tuple[type[Exception], Callable[[Transaction, TwoCustomers], Any]]] = {
    "update a customer": (
        domain_errors.NotFound,
        lambda t, two: customers.update(t, two.bob.id, {"name": "x"}),
    ),
    "archive": (domain_errors.NotFound, lambda t, two: customers.archive(t, two.bob.id)),
    "restore": (domain_errors.NotFound, lambda t, two: customers.restore(t, two.bob.id)),
    "delete a customer": (domain_errors.NotFound, lambda t, two: customers.delete(t, two.bob.id)),
    "erase": (domain_errors.NotFound, lambda t, two: erasure.erase(t, two.bob.id)),
    "create a customer": (
        errors.RowLevelSecurityViolation,
        lambda t, _two: customers.insert(t, {"username": "e", "name": "E"}),
    ),
    "take a handle": (
        errors.RowLevelSecurityViolation,
        lambda t, _two: customers.insert(t, {"username": "bob", "name": "E"}),
    ),
    "take an address": (
        domain_errors.Taken,
        lambda t, two: customers.update(t, two.ada.id, {"email": "bob@example.com"}),
    ),
    "create an order": (
        domain_errors.NotFound,
        lambda t, two: orders.insert(t, {"customer_id": two.bob.id}, TEN_EUROS, ()),
    ),
    "update an order": (
        domain_errors.NotFound,
        lambda t, two: orders.update(t, two.bobs[0].id, {"reference": "x"}),
    ),
    "transition": (domain_errors.NotFound, lambda t, two: orders.transition(t, two.bobs[0].id, "PAID")),
    "delete an order": (domain_errors.NotFound, lambda t, two: orders.delete(t, two.bobs[0].id)),
    "upsert a customer": (
        errors.RowLevelSecurityViolation,
        lambda t, _two: customer_batches.upsert(t, [CustomerUpsert({"username": "bob", "name": "x"})], False),
    ),
    "upsert a new customer": (
        errors.RowLevelSecurityViolation,
        lambda t, _two: customer_batches.upsert(t, [CustomerUpsert({"username": "eve", "name": "x"})], False),
    ),
}


@pytest.mark.parametrize("name", MUTATIONS)
async def test_no_mutation_touches_anothers_row(two: TwoCustomers, name: str) -> None:
    """It is not found, as one that is not there; no customer is made, and what is unique stays so."""
    error, mutate = MUTATIONS[name]
    before = await stored_rows(two.database)
    with pytest.raises(error):
        await two.write(lambda transaction: mutate(transaction, two))

    assert before == await stored_rows(two.database)


@on_tidb
async def test_others_are_not_kept_from_their_rows(two: TwoCustomers) -> None:
    """By whoever names what is unique of them, and takes a long time over it."""
    order = OrderInput({"customer_id": two.ada.id, "reference": "bob-1"}, TEN_EUROS, ())
    customer = CustomerUpsert({"username": "ada", "name": "Ada", "email": "bob@example.com"})

    async def work(transaction: Transaction) -> list[Any]:
        refused = await order_batches.upsert(transaction, [order], False)
        refused += await customer_batches.upsert(transaction, [customer], False)
        async with asyncio.timeout(2):
            await two.database.write(lambda other: orders.update(other, two.bobs[0].id, {"reference": "b"}))
            await two.database.write(lambda other: customers.update(other, two.bob.id, {"email": None}))
        return [type(item.error) for item in refused]

    assert [domain_errors.Taken] * 2 == await two.write(work)


async def test_batches_change_the_owners_rows_only(two: TwoCustomers) -> None:
    """An item of another's is refused like one of nothing, and spoils no other."""

    def new(reference: str, customer: Customer, total: Any = TEN_EUROS) -> OrderInput:
        return OrderInput({"customer_id": customer.id, "reference": reference}, total, ())

    sent = [new("ada-2", two.ada), new("bob-2", two.ada), new("new-1", two.bob), new("new-2", two.ada)]
    moves = [order_batches.OrderTransition(order.id, "PAID") for order in (two.adas[1], two.bobs[1])]
    before = await two.bobs_rows()
    created = await two.write(lambda transaction: order_batches.create(transaction, sent[1:], False))
    upserted = await two.write(lambda transaction: order_batches.upsert(transaction, sent, False))
    moved = await two.write(lambda transaction: order_batches.transition(transaction, moves, False))

    assert [domain_errors.Taken, domain_errors.NotFound, type(None)] == [type(item.error) for item in created]
    assert [type(None), domain_errors.Taken, domain_errors.NotFound, type(None)] == [
        type(each.error) for each in upserted
    ]
    assert [type(None), domain_errors.NotFound] == [type(item.error) for item in moved]
    new_order = created[2].row.id
    left = await two.bobs_rows()
    assert before == {name: [row for row in rows if new_order not in row] for name, rows in left.items()}
