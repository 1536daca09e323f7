"""Creators of orders side by side: no row is written by all, and an archived customer gets none."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.models import Customer
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id

CREATORS = 16
TOTAL = {"amount": "1", "currency": "EUR"}
CREATE_ORDER = "mutation ($input: CreateOrderInput!) { createOrder(input: $input) { userErrors { code } } }"
CREATE_ORDERS = (
    "mutation ($input: CreateOrdersInput!) { createOrders(input: $input) { userErrors { code } } }"
)


def _one(customer: Customer) -> dict[str, Any]:
    return {"customerId": global_id(customer), "total": TOTAL}


def _many(customer: Customer) -> dict[str, Any]:
    return {"items": [_one(customer), _one(customer)]}


@on_tidb
async def test_creators_for_different_customers_do_not_wait_for_each_other(database: Database) -> None:
    """All have done everything but COMMIT, with all their locks, before the first of them commits."""
    rows = [await create_customer(database) for _ in range(CREATORS)]
    barrier = asyncio.Barrier(CREATORS)

    async def meet() -> None:
        async with asyncio.timeout(4):
            await barrier.wait()

    async with Api.of(database, env="development") as api:
        sa.event.listen(database.writes.sync_engine, "commit", lambda _: sa.util.await_only(meet()))
        answers = await asyncio.gather(*(api.send(CREATE_ORDER, input=_one(row)) for row in rows))

    assert [{"createOrder": {"userErrors": []}}] * CREATORS == [answer["data"] for answer in answers]
    receipts = [answer["extensions"]["receipt"] for answer in answers]
    assert [(1, [])] * CREATORS == [(each["attempts"], each["retriedFor"]) for each in receipts]


@asynccontextmanager
async def _archiving(database: Database, customer: Customer) -> AsyncIterator[None]:
    """While another transaction has archived the customer, and not committed yet; it does in the end."""
    async with Database(database.url) as elsewhere, elsewhere.writes.connect() as connection:
        await connection.begin()
        await customers.archive(Transaction(connection, Deadline.none(), QueryStatistics()), customer.id)
        yield
        await connection.commit()


@pytest.mark.parametrize(("mutation", "input"), [(CREATE_ORDER, _one), (CREATE_ORDERS, _many)])
async def test_an_order_waits_for_the_archive_and_is_refused(
    database: Database, api: Api, mutation: str, input: Any
) -> None:
    """What was decided before the order was stored holds for it, although it was not to be seen yet."""
    customer = await create_customer(database)
    async with _archiving(database, customer):
        creating = asyncio.create_task(api.data(mutation, input=input(customer)))
        done, _ = await asyncio.wait([creating], timeout=0.3)
    (payload,) = (await creating).values()

    assert set() == done
    assert {"CUSTOMER_ARCHIVED"} == {error["code"] for error in payload["userErrors"]}
    assert [(0,)] == await database.reader().fetch(sa.text("SELECT COUNT(*) FROM orders"))
