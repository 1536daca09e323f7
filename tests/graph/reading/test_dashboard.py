"""A dashboard: sums beside the orders that they are of, in one query."""

from datetime import datetime, timedelta

from db import orders
from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer, create_order, line
from tests.graph.reading.test_order_summary import MARCH
from tests.shared_tidb import Statements

DASHBOARD = """
query ($month: DateTimeFilter!) {
  top: orderSummary(
    where: {placedAt: $month, total: {currency: {eq: "EUR"}}}
    groupBy: [CUSTOMER]
    orderBy: [{field: TOTAL, direction: DESC}]
    first: 3
  ) {
    count
    total { amount }
    customer {
      username
      orders(first: 5, where: {status: {eq: PAID}}) { nodes { placedAt lines { sku total { amount } } } }
    }
  }
  days: orderSummary(where: {placedAt: $month}, groupBy: [DAY], timeZone: "Europe/Berlin") {
    bucket { start }
    count
    total { amount currency }
  }
}
"""
IN_MARCH = {"gte": "2026-03-01T00:00:00+01:00", "lt": "2026-04-01T00:00:00+02:00"}


# About 400 values, of which 50 cost a point.
LEAVES = 8


async def test_a_dashboard_is_one_query(database: Database, api: Api, statements: Statements) -> None:
    """The month's best customers with their latest paid orders and lines, and what each day brought."""
    spent: dict[str, list[datetime]] = {}
    for n in range(4):
        customer = await create_customer(database, username=f"c{n}")
        spent[customer.username] = [MARCH + timedelta(days=n * 7 + hour / 24) for hour in range(6)]
        for moment in spent[customer.username]:
            order = await create_order(database, customer, line(price=str(n + 1)), placed_at=moment)
            await database.write(
                lambda transaction, order=order: orders.transition(transaction, order.id, "PAID")
            )
        await create_order(database, customer, line("NOT-PAID"), placed_at=MARCH + timedelta(days=40))
    statements.clear()
    body = {"query": DASHBOARD, "variables": {"month": IN_MARCH}}
    answer = (await api.client.post("/graphql", json=body, headers={"tidegraph-receipt": "1"})).json()
    data, receipt = answer["data"], answer["extensions"]["receipt"]
    shown = [each["customer"]["orders"]["nodes"] for each in data["top"]]

    assert [("c3", "24"), ("c2", "18"), ("c1", "12")] == [
        (each["customer"]["username"], each["total"]["amount"]) for each in data["top"]
    ]
    assert [f"{moment:%Y-%m-%dT%H:%M:%S.%fZ}" for moment in spent["c3"][:0:-1]] == [
        order["placedAt"] for order in shown[0]
    ]
    assert [[{"sku": "MUG-01", "total": {"amount": "3"}}]] * 5 == [order["lines"] for order in shown[1]]
    assert ["2026-02-28T23:00:00.000000Z", "2026-03-07T23:00:00.000000Z"] == [
        day["bucket"]["start"] for day in data["days"][:2]
    ]
    assert ["6", "12", "18", "24"] == [day["total"]["amount"] for day in data["days"]]
    # two summaries; customers; their orders; lines
    assert 5 == len(statements)
    assert receipt.pop("databaseMs") > 0
    assert {
        # 3 customers, a page of 5 orders of each, with the lines; days have nothing below them that costs
        "cost": 1_000 + 3 * (1 + 6 + 5 * 10) + 1_000 + LEAVES,
        "statements": 5,
        # top and days; customers, their orders and lines
        "rows": 3 + 4 + 3 + 3 * 5 + 3 * 5,
        "attempts": 0,
        "retriedFor": [],
    } == receipt
