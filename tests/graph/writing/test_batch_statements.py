"""What a mutation with a key costs on the wire; a batch of 200 items costs what one of two does."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id
from tests.faults.proxy import TidbProxy

pytestmark = on_tidb

CREATE_CUSTOMER = """
mutation ($input: CreateCustomerInput!) {
  createCustomer(input: $input) { customer { version } userErrors { code } }
}
"""
CREATE_ORDER = """
mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) { order { version } userErrors { code } }
}
"""
UPSERT_CUSTOMERS = """
mutation ($input: UpsertCustomersInput!) {
  upsertCustomers(input: $input) { results { outcome } userErrors { code } }
}
"""
UPSERT_ORDERS = """
mutation ($input: UpsertOrdersInput!) {
  upsertOrders(input: $input) { results { outcome } userErrors { code } }
}
"""
LINE = {"sku": "MUG-01", "name": "Mug", "quantity": 2, "unitPrice": {"amount": "12.50", "currency": "EUR"}}
RECORDED = ["INSERT history", "INSERT idempotency_keys", "COMMIT"]
NEW_CUSTOMERS = ["SELECT customers", "INSERT customers", "SELECT customers", "INSERT customer_words"]
CHANGED_CUSTOMERS = [
    "SELECT customers",
    "UPDATE customers",
    "DELETE customer_words",
    "INSERT customer_words",
]
BOTH_CUSTOMERS = [*NEW_CUSTOMERS[:3], *CHANGED_CUSTOMERS[1:]]
FOUND_ORDERS = ["SELECT orders", "SELECT customers"]
NEW_ORDERS = [*FOUND_ORDERS, "INSERT orders", "SELECT orders", "INSERT order_lines", "UPDATE customers"]
BOTH_ORDERS = [*NEW_ORDERS[:4], "DELETE order_lines", *NEW_ORDERS[4:]]
CHANGED_ORDERS = [BOTH_ORDERS[0], *BOTH_ORDERS[2:6]]


@pytest.fixture
async def api(proxied: Database) -> AsyncIterator[Api]:
    """The application over a database whose packets are seen, its first connections made."""
    await create_customer(proxied)
    await proxied.reader().fetch(sa.text("SELECT 1"))
    async with Api.of(proxied) as api:
        yield api


async def packets(api: Api, proxy: TidbProxy, mutation: str, **asked: Any) -> list[str]:
    """What was sent to carry out a mutation that has no user errors, each as its verb and its table."""
    proxy.clear()
    ((payload,),) = [(await api.data(mutation, input=asked)).values()]
    assert [] == payload["userErrors"]
    assert 0 == proxy.connections
    return [brief(packet.text) for packet in proxy.packets]


def brief(statement: str) -> str:
    verb = statement.split()[0]
    table = re.search(r"(?:\bFROM|\bINTO|^UPDATE) (\w+)", statement)
    return f"{verb} {table.group(1)}" if table else verb


def handles(count: int, name: str) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


async def test_a_new_customer_is_five_packets(api: Api, proxy: TidbProxy) -> None:
    """Row, words, history and key, and COMMIT."""
    sent = await packets(
        api, proxy, CREATE_CUSTOMER, username="ada", name="Ada", email="ada@example.com", idempotencyKey="1"
    )

    assert ["INSERT customers", "INSERT customer_words", *RECORDED] == sent


async def test_a_new_order_is_six_packets(api: Api, proxied: Database, proxy: TidbProxy) -> None:
    """Its customer is locked by the statement that counts it, and three lines are one."""
    owner = global_id(await create_customer(proxied))
    sent = await packets(api, proxy, CREATE_ORDER, customerId=owner, lines=[LINE] * 3, idempotencyKey="1")

    assert ["UPDATE customers", "INSERT orders", "INSERT order_lines", *RECORDED] == sent


@pytest.mark.parametrize("count", [2, 200])
async def test_upserts_of_customers_are_eight_statements(api: Api, proxy: TidbProxy, count: int) -> None:
    """At most, and as many for two as for 200: all new, all changed, and half and half."""
    names = handles(count, "old")

    async def upsert(names: list[str], title: str) -> list[str]:
        items = [{"username": each, "name": title, "email": f"{each}@example.com"} for each in names]
        return await packets(api, proxy, UPSERT_CUSTOMERS, items=items, idempotencyKey=title)

    assert [*NEW_CUSTOMERS, *RECORDED] == await upsert(names, "First")
    assert [*CHANGED_CUSTOMERS, *RECORDED] == await upsert(names, "Second")
    half = [*names[: count // 2], *handles(count // 2, "new")]
    assert [*BOTH_CUSTOMERS, *RECORDED] == await upsert(half, "Third")


@pytest.mark.parametrize("count", [2, 200])
async def test_upserts_of_orders_are_nine_statements(
    api: Api, proxied: Database, proxy: TidbProxy, count: int
) -> None:
    """At most, and as many for two as for 200, with five lines each; again half and half at last."""
    owner = global_id(await create_customer(proxied))
    references = handles(count, "old")

    async def upsert(references: list[str], sku: str) -> list[str]:
        lines = [LINE | {"sku": sku}] * 5
        items = [{"reference": each, "customerId": owner, "lines": lines} for each in references]
        return await packets(api, proxy, UPSERT_ORDERS, items=items, idempotencyKey=sku)

    assert [*NEW_ORDERS, *RECORDED] == await upsert(references, "A")
    assert [*CHANGED_ORDERS, *RECORDED] == await upsert(references, "B")
    half = [*references[: count // 2], *handles(count // 2, "new")]
    assert [*BOTH_ORDERS, *RECORDED] == await upsert(half, "C")
