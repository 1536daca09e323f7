"""Reading more parents than one, with the page and the counts of each."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from db.engine.database import Database
from db.models import customers, orders
from tests.api import Api
from tests.factories import count_orders, create_customer, create_order
from tests.shared_tidb import Statements

COUNTED = """
query ($first: Int) {
  customers(first: $first, orderBy: [{field: USERNAME}]) {
    nodes {
      orders(first: 1) {
        nodes { id }
        totalCount(limit: 2) { ...C }
        same: totalCount(limit: 2) { value }
        far: totalCount { ...C }
        unlimited: totalCount(limit: null) { value }
      }
      ...Paid
    }
    totalCount { ...C }
  }
}
fragment Paid on Customer {
  paid: orders(first: 0, where: {status: {eq: PAID}}) { totalCount(limit: 2) { ...C } }
}
fragment C on Count { value exact }
"""
PARENTS = """
query ($where: OrderWhere) {
  a: customers(first: 100, orderBy: [{field: USERNAME}]) { nodes { ...P } pageInfo { hasNextPage } }
  b: customers(last: 100, orderBy: [{field: USERNAME}]) { nodes { ...P } pageInfo { hasPreviousPage } }
  c: customers(first: 100, orderBy: [{field: NAME}]) { nodes { ...P } }
}
fragment P on Customer {
  username
  orders(first: 1, where: $where) { nodes { reference } totalCount(limit: 100) { value } }
}
"""


async def test_counts_are_one_statement_for_each_limit(
    database: Database, api: Api, statements: Statements
) -> None:
    """For all parents together, in whatever fragments and aliases they stand."""
    for _ in range(50):
        customer = await create_customer(database)
        for _ in range(3):
            await create_order(database, customer)
    counts = []
    for first in (1, 50):
        statements.clear()
        data = await api.data(COUNTED, first=first)
        counts.append(len(statements))

        assert {"value": 50, "exact": True} == data["customers"]["totalCount"]
        assert first == len(data["customers"]["nodes"])
        for node in data["customers"]["nodes"]:
            assert {"value": 2, "exact": False} == node["orders"]["totalCount"]
            assert {"value": 2} == node["orders"]["same"]
            assert {"value": 3, "exact": True} == node["orders"]["far"]
            assert {"value": 3} == node["orders"]["unlimited"]
            assert {"value": 0, "exact": True} == node["paid"]["totalCount"]

    # customers and their count; orders, whose counts are known; paid, limit 2
    assert [5, 5] == counts


async def test_more_parents_than_one_batch(database: Database, api: Api) -> None:
    """Three hundred customers in one query, each with the page and the count of its own orders."""
    async with database.writes.begin() as connection:
        await connection.execute(customers.insert(), [customer_values(number) for number in range(300)])
        ids = {row.username: row.id for row in await connection.execute(sa.select(customers))}
        rows = [order_values(number, ids[f"user-{number:03}"]) for number in range(0, 300, 2)]
        await connection.execute(orders.insert(), rows)
    await count_orders(database)
    data = await api.data(PARENTS, where={"status": {"eq": "PAID"}})
    found = {node["username"]: node["orders"] for alias in "abc" for node in data[alias]["nodes"]}

    assert [f"user-{number:03}" for number in range(300)] == sorted(found)
    for number in range(300):
        nodes = [] if number % 2 else [{"reference": f"SO-{number:03}"}]
        assert {"nodes": nodes, "totalCount": {"value": len(nodes)}} == found[f"user-{number:03}"]


def customer_values(number: int) -> dict[str, Any]:
    """The names go on where the handles have stopped, so that two sorts begin with different ones."""
    moment = datetime(2026, 2, 28, tzinfo=UTC)
    values = {"username": f"user-{number:03}", "name": f"Name {(number - 100) % 300:03}", "version": 1}
    return {**values, "created_at": moment, "updated_at": moment}


def order_values(number: int, customer_id: int) -> dict[str, Any]:
    moment = datetime(2026, 2, 28, tzinfo=UTC)
    values = {"customer_id": customer_id, "reference": f"SO-{number:03}", "status": "PAID", "version": 1}
    values |= {"total": Decimal(1), "currency": "EUR", "placed_at": moment}
    return {**values, "created_at": moment, "updated_at": moment}
