"""While orders change state and money moves, everything that is read at one moment adds up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any

from db import orders
from db.engine.database import Database
from db.models import Order
from db.money import Money, as_text
from db.reader import Transaction
from graph.types.scalars import serialize_date_time
from tests.api import Api
from tests.db.test_stale_reads import on_tidb
from tests.factories import create_customer, create_order
from tests.graph.reading.test_as_of import now

BOOKS = """
query ($asOf: DateTime) {
  PENDING: orders(where: {status: {eq: PENDING}}, first: 100, orderBy: {field: CREATED_AT}, asOf: $asOf) {
    ...Sum
  }
  PAID: orders(where: {status: {eq: PAID}}, first: 100, orderBy: {field: CREATED_AT}, asOf: $asOf) {
    ...Sum
  }
  FULFILLED: orders(where: {status: {eq: FULFILLED}}, first: 100, orderBy: {field: CREATED_AT}, asOf: $asOf) {
    ...Sum
  }
  customers(where: {orders: {some: {status: {eq: PENDING}}}}, orderBy: {field: NAME}, asOf: $asOf) {
    nodes {
      id
      all: orders(first: 100) { ...Sum }
      pending: orders(where: {status: {eq: PENDING}}, first: 100) { ...Sum }
      orderStats { count total { amount } }
    }
  }
  orderSummary(groupBy: [STATUS], asOf: $asOf) { status count total { amount } }
}
fragment Sum on OrderConnection {
  totalCount { value }
  nodes { id version status total { amount } customer { id } }
}
"""
STATES = ("PENDING", "PAID", "FULFILLED")
CUSTOMERS, EACH, READINGS = 4, 10, 8


@on_tidb
async def test_one_moment_makes_the_books_balance(database: Database, api: Api) -> None:
    """While orders change state and money goes from one to another, every reading at one moment agrees."""
    stored = []
    for _ in range(CUSTOMERS):
        owner = await create_customer(database)
        stored.append([await create_order(database, owner) for _ in range(EACH)])
    read = []
    async with writers(database, stored):
        for _ in range(READINGS):
            read.append(check(await api.data(BOOKS, asOf=serialize_date_time(await now(database)))))

    assert READINGS == len(set(read))


def check(books: Any) -> str:
    """Parents, children, counts and sums agree; what was read, as text."""
    connections = [books[state] for state in STATES]
    found = {order["id"]: order for connection in connections for order in connection["nodes"]}
    children = [each for customer in books["customers"]["nodes"] for each in customer["all"]["nodes"]]
    pending = [each for customer in books["customers"]["nodes"] for each in customer["pending"]["nodes"]]

    assert CUSTOMERS * EACH == len(found) == sum(each["totalCount"]["value"] for each in connections)
    assert Decimal(10 * CUSTOMERS * EACH) == sum(Decimal(each["total"]["amount"]) for each in found.values())
    assert by_id(list(found.values())) == by_id(children)
    assert by_id(books["PENDING"]["nodes"]) == by_id(pending)
    assert {each.pop("status"): each for each in books["orderSummary"]} == {
        state: summed(books[state]["nodes"]) for state in STATES if books[state]["nodes"]
    }
    for customer in books["customers"]["nodes"]:
        assert [summed(customer["all"]["nodes"])] == customer["orderStats"]
    return str(by_id(children))


def summed(found: list[Any]) -> dict[str, Any]:
    """What a sum of these orders says."""
    amount = sum(Decimal(each["total"]["amount"]) for each in found)
    return {"count": len(found), "total": {"amount": as_text(Decimal(amount))}}


def by_id(found: list[Any]) -> list[Any]:
    return sorted(found, key=lambda order: str(order["id"]))


@asynccontextmanager
async def writers(database: Database, stored: list[list[Order]]) -> AsyncIterator[None]:
    """For each customer, keep writing until the block is left."""
    tasks = [asyncio.ensure_future(keep_writing(database, *owned)) for owned in stored]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def keep_writing(database: Database, giver: Order, *takers: Order) -> None:
    """Move cents from one order to another, paying it with the last of them, and then deliver it."""
    for taker in takers:
        for last in (False, False, False, True):
            await database.write(partial(move_a_cent, giver.id, taker.id, pay=last))
        await database.write(partial(orders.transition, order_id=taker.id, to="FULFILLED"))


async def move_a_cent(giver: int, taker: int, transaction: Transaction, *, pay: bool) -> None:
    for order_id, change in ((giver, -1), (taker, 1)):
        order = await orders.lock(transaction, order_id)
        total = Money(order.total + Decimal(change) / 100, order.currency)
        await orders.update(transaction, order_id, {}, total)
    if pay:
        await orders.transition(transaction, taker, "PAID")
