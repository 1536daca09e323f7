"""On a large TiDB each filter that stands on an index, by itself, is read by that index."""

from typing import Any

import pytest

from db.pagination.index_usage import INDEXED_COLUMNS, INDEXED_OPERATORS, indexes
from tests.api import Api
from tests.plans.explain import Explain
from tests.plans.shop import WHALE
from tests.plans.test_root import FIRST, plan_of

pytestmark = pytest.mark.tidb

# Few rows are below, respectively above, these; statuses, ids and what is equal are looked up.
LOW: dict[str, dict[str, str]] = {
    "customers": {"username": "user-00003", "email": "user-00005", "created_at": "2025-01-01T03:00:00Z"},
    "orders": {
        "reference": "B-000105",
        "created_at": "2026-01-02T00:40:00Z",
        "placed_at": "2026-01-01T00:40:00Z",
    },
}
HIGH: dict[str, dict[str, str]] = {
    "customers": {"username": "user-49990", "email": "user-49985", "created_at": "2025-12-14T03:00:00Z"},
    "orders": {
        "reference": "W-099979",
        "created_at": "2026-12-15T04:00:00Z",
        "placed_at": "2026-12-14T04:00:00Z",
    },
}
BEGINNING = {"username": "user-0001", "email": "user-0001", "reference": "B-0001"}
ONE = """
{
  order(by: {reference: "B-000105"}) { id reference status createdAt placedAt }
  customer(by: {username: "user-00005"}) { id username email createdAt }
}
"""
SENT = {"in_": "in", "starts_with": "startsWith", "created_at": "createdAt", "placed_at": "placedAt"}


def test_indexed_columns_are_in_front_of_an_index() -> None:
    """What is declared to stand on an index does."""
    missing = [
        (table, column)
        for table, columns in INDEXED_COLUMNS.items()
        for column in columns
        if not any(index.columns[0] == column for index in indexes(table))
    ]

    assert [] == missing


def operators(column: str) -> tuple[str, ...]:
    """Those of the indexed operators that the API has for a column."""
    if column in ("id", "customer_id", "status"):
        return ("eq", "in_")
    return tuple(name for name in INDEXED_OPERATORS if name != "starts_with" or not column.endswith("_at"))


CASES = [
    (table, column, operator)
    for table, columns in INDEXED_COLUMNS.items()
    for column in columns
    for operator in operators(column)
]


async def where_of(api: Api, table: str, column: str, operator: str) -> dict[str, Any]:
    """A condition that some rows meet, and few."""
    rows = await api.data(ONE)
    row = rows["customer" if table == "customers" or column == "customer_id" else "order"]
    name = {"customer_id": "id"}.get(column, SENT.get(column, column))
    value: Any = row[name]
    if column == "status":
        value = "PENDING"
    if operator == "starts_with":
        value = BEGINNING[column]
    elif operator not in ("eq", "in_"):
        value = (HIGH if operator in ("gt", "gte") else LOW)[table][column]
    compared = {SENT.get(operator, operator): [value] if operator == "in_" else value}
    return {"customer": {"id": compared}} if column == "customer_id" else {name: compared}


@pytest.mark.parametrize(("table", "column", "operator"), CASES)
async def test_indexed_filters_are_read_by_their_index(
    large_api: Api, explain: Explain, table: str, column: str, operator: str
) -> None:
    """With the default order, a filter that few rows meet reads these, and no more than a few times."""
    where = await where_of(large_api, table, column, operator)
    plan, page = await plan_of(large_api, explain, table, where=where)
    own = {index.name for index in indexes(table) if column in index.columns[:2]}

    assert page["nodes"]
    assert plan.indexes <= own
    assert plan.indexes or "Point_Get" in plan[-1].operator
    assert [] == list(plan.steps("TableFullScan", "IndexFullScan"))
    assert plan.rows_read <= 20 * FIRST


async def test_a_filter_that_most_rows_meet_is_read_in_the_order_of_the_sort(
    large_api: Api, explain: Explain
) -> None:
    """By its own index TiDB would read them all, to show twenty."""
    plan, page = await plan_of(large_api, explain, "orders", where={"reference": {"gte": "A"}})

    assert {"ix_orders_placed_at"} == plan.indexes
    # TiDB reads an index in packets, each twice the one before it; there are 120,000 orders.
    assert plan.rows_read < 4_000
    assert 20 == len(page["nodes"])


async def test_alternatives_are_left_to_tidb(large_api: Api, explain: Explain) -> None:
    """For `or` no index is named, so that TiDB can merge two."""
    where = {"or": [{"reference": {"eq": "B-000105"}}, {"reference": {"eq": "W-000001"}}]}
    plan, page = await plan_of(large_api, explain, "orders", where=where)

    assert plan.rows_read < 10, plan
    assert {"B-000105", "W-000001"} == {node["reference"] for node in page["nodes"]}


async def test_a_customers_orders_are_found_by_the_handle(large_api: Api, explain: Explain) -> None:
    """The condition on the customer comes first, by its key."""
    where = {"customer": {"username": {"eq": "user-00003"}}}
    plan, page = await plan_of(large_api, explain, "orders", where=where)

    assert plan.rows_read < 100, plan
    assert 5 == len(page["nodes"])


async def test_customers_are_found_by_an_order(large_api: Api, explain: Explain) -> None:
    """The other way round: from the order's key to its customer."""
    where = {"orders": {"some": {"reference": {"eq": "W-000001"}}}}
    plan, page = await plan_of(large_api, explain, "customers", where=where)

    assert plan.rows_read < 10, plan
    assert [WHALE] == [node["username"] for node in page["nodes"]]
