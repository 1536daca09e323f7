"""On a large TiDB a page of nested connections reads little, however many children a parent has."""

from typing import Any

import pytest

from db.pagination.sorts import ORDER_SORTS, Sort
from tests.api import Api
from tests.plans.explain import Explain, Plan
from tests.plans.shop import WHALE, WHALE_ORDERS
from tests.plans.test_root import PINNED, order_by

pytestmark = pytest.mark.tidb
PARENTS, CHILDREN = 20, 5
SHOWN = PARENTS * CHILDREN

NESTED = """
query ($customers: CustomerWhere, $where: OrderWhere, $orderBy: [OrderOrder!], $after: String) {
  customers(first: 20, where: $customers, orderBy: [{field: USERNAME}], includeArchived: true) {
    nodes {
      username
      orders(first: 5, where: $where, orderBy: $orderBy, after: $after) {
        nodes { id }
        pageInfo { endCursor }
      }
    }
  }
}
"""
COUNTED = """
query ($customers: CustomerWhere, $where: OrderWhere) {
  customers(first: 20, where: $customers, orderBy: [{field: USERNAME}], includeArchived: true) {
    nodes { username orders(first: 0, where: $where) { totalCount(limit: 50) { value exact } } }
  }
}
"""
SMALL = {"username": {"gt": WHALE}}


async def plan_of(api: Api, explain: Explain, **variables: Any) -> tuple[Plan, dict[str, Any]]:
    """The plan of the orders' page, and the orders of each customer, whose row says how many there are."""
    await explain.plans()
    data = await api.data(NESTED, **variables)
    _, page = await explain.plans()
    return page, {node["username"]: node["orders"] for node in data["customers"]["nodes"]}


def assert_by_customer(plan: Plan) -> None:
    """Each index that is read begins with the customer, and only a range of it is read."""
    assert [] == list(plan.steps("TableFullScan", "IndexFullScan")), plan
    assert all(index.startswith("ix_orders_customer_id") for index in plan.indexes), plan
    assert plan.indexes


def pinned(sort: Sort) -> dict[str, Any]:
    return {key: value for column in sort.pinned for key, value in PINNED[column].items()}


@pytest.mark.parametrize("status", [None, "PAID", "PENDING"])
@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("sort", ORDER_SORTS, ids=lambda sort: "_".join(sort.fields))
async def test_a_customer_with_many_orders_costs_no_more_than_others(
    large_api: Api, explain: Explain, sort: Sort, direction: str, status: str | None
) -> None:
    """The page reads less than twenty times what is shown, also after a cursor."""
    where = pinned(sort) | ({"status": {"eq": status}} if status else {})
    sent = {"where": where, "orderBy": order_by(sort, direction)}
    page, orders = await plan_of(large_api, explain, **sent)
    cursor = orders[WHALE]["pageInfo"]["endCursor"]
    after, _ = await plan_of(large_api, explain, **sent, after=cursor)
    # No index has a customer's rare status in these orders: more must be read, though never all.
    served = status != "PENDING" or sort.fields in (("PLACED_AT",), ("STATUS", "PLACED_AT"))
    bound = 20 * SHOWN if served else WHALE_ORDERS // 3

    assert CHILDREN == len(orders[WHALE]["nodes"])
    assert_by_customer(page)
    assert_by_customer(after)
    assert "UNION ALL" in page.statement
    assert page.rows_read < bound, page
    assert after.rows_read < bound, after


@pytest.mark.parametrize("sort", ORDER_SORTS, ids=lambda sort: "_".join(sort.fields))
async def test_small_customers_are_read_together(large_api: Api, explain: Explain, sort: Sort) -> None:
    """Without a large one among them, one window over the ranges of all."""
    sent = {"customers": SMALL, "where": pinned(sort), "orderBy": order_by(sort, "DESC")}
    page, orders = await plan_of(large_api, explain, **sent)
    cursor = next(iter(orders.values()))["pageInfo"]["endCursor"]
    after, _ = await plan_of(large_api, explain, **sent, after=cursor)

    assert PARENTS == len(orders)
    assert_by_customer(page)
    assert_by_customer(after)
    assert 1 == len(list(page.steps("Window"))), page
    assert "UNION ALL" not in page.statement
    assert page.rows_read < 10 * SHOWN


async def test_unfiltered_counts_read_no_order(large_api: Api, explain: Explain) -> None:
    """They are capped all the same."""
    await explain.plans()
    data = await large_api.data(COUNTED, where={})
    counts = {node["username"]: node["orders"]["totalCount"] for node in data["customers"]["nodes"]}

    assert {"value": 50, "exact": False} == counts[WHALE]
    assert 1 == len(await explain.plans())


@pytest.mark.parametrize("where", [{"status": {"eq": "PENDING"}}, {"status": {"eq": "PAID"}}])
async def test_counts_end_at_their_limit(large_api: Api, explain: Explain, where: dict[str, Any]) -> None:
    """No customer's orders are counted past the limit and one."""
    await explain.plans()
    data = await large_api.data(COUNTED, where=where)
    counts = {node["username"]: node["orders"]["totalCount"]["value"] for node in data["customers"]["nodes"]}
    plan = (await explain.plans())[-1]

    assert 50 == counts[WHALE]
    assert_by_customer(plan)
    # TiDB reads an index in packets of 32 rows and more.
    assert plan.rows_read < PARENTS * 64
