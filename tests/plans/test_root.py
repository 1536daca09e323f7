"""On a large TiDB every public sort at the root is read by an index in its order."""

from typing import Any

import pytest

from db.pagination.sorts import SORTS, Sort
from tests.api import Api
from tests.plans.explain import Explain, Plan
from tests.plans.shop import WHALE

pytestmark = pytest.mark.tidb
FIRST = 20

CUSTOMERS = """
query ($where: CustomerWhere, $orderBy: [CustomerOrder!], $after: String, $includeArchived: Boolean) {
  page: customers(where: $where, orderBy: $orderBy, after: $after, includeArchived: $includeArchived) {
    nodes { id username name email createdAt archivedAt }
    pageInfo { endCursor hasNextPage }
  }
}
"""
ORDERS = """
query ($where: OrderWhere, $orderBy: [OrderOrder!], $after: String) {
  page: orders(where: $where, orderBy: $orderBy, after: $after) {
    nodes { id reference status placedAt createdAt customer { id } }
    pageInfo { endCursor hasNextPage }
  }
}
"""
QUERIES = {"customers": CUSTOMERS, "orders": ORDERS}
PINNED = {"currency": {"total": {"currency": {"eq": "EUR"}}}}


def order_by(sort: Sort, direction: str) -> list[dict[str, str]]:
    return [{"field": field, "direction": direction} for field in sort.fields]


async def whale_id(api: Api) -> str:
    data = await api.data('query { customer(by: {username: "%s"}) { id } }' % WHALE)  # noqa: UP031
    found: str = data["customer"]["id"]
    return found


async def plan_of(api: Api, explain: Explain, table: str, **variables: Any) -> tuple[Plan, dict[str, Any]]:
    """The plan of the page's own statement, and the page."""
    await explain.plans()
    data = await api.data(QUERIES[table], **variables)
    return (await explain.plans())[0], data["page"]


def assert_in_order(plan: Plan) -> None:
    """Read by an index in its order: no scan of the table, nothing sorted, and little more than a page."""
    assert [] == list(plan.steps("TableFullScan", "TopN", "Sort")), plan
    # TiDB reads an index in packets of 32 rows and more.
    assert plan.rows_read < 20 * FIRST, plan


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize(
    ("table", "sort"),
    [(table, sort) for table, sorts in SORTS.items() for sort in sorts],
    ids=lambda value: value if isinstance(value, str) else "_".join(value.fields),
)
async def test_sorts_are_read_in_order(
    large_api: Api, explain: Explain, table: str, sort: Sort, direction: str
) -> None:
    """Alone and behind each equality, the first page and one after a cursor, with the archive and without."""
    if table == "orders":
        equal = [{}, {"status": {"eq": "PAID"}}, {"customer": {"id": {"eq": await whale_id(large_api)}}}]
        choices: list[dict[str, Any]] = [{"where": where} for where in equal]
    else:
        choices = [{"where": {}, "includeArchived": archived} for archived in (False, True)]
    for choice in choices:
        for column in sort.pinned:
            choice["where"] = {**choice["where"], **PINNED[column]}
        sent = {**choice, "orderBy": order_by(sort, direction)}
        first, page = await plan_of(large_api, explain, table, **sent)
        after, _ = await plan_of(large_api, explain, table, **sent, after=page["pageInfo"]["endCursor"])

        assert FIRST == len(page["nodes"])
        assert_in_order(first)
        assert_in_order(after)


COVERED = [
    "{ orders(first: 100) { nodes { id placedAt } } }",
    "{ orders(first: 100) { pageInfo { hasNextPage endCursor } } }",
    """{
      customers(first: 20, orderBy: {field: USERNAME}, includeArchived: true) {
        nodes { id username createdAt @skip(if: true) }
      }
    }""",
    """{
      orders(where: {total: {currency: {eq: "EUR"}}}, orderBy: {field: TOTAL}) {
        nodes { total { amount currency } }
      }
    }""",
]


@pytest.mark.parametrize("query", COVERED)
async def test_what_an_index_has_is_not_looked_up(large_api: Api, explain: Explain, query: str) -> None:
    """A page whose columns are all in its index reads no row of the table, and needs no more of the index."""
    await explain.plans()
    await large_api.data(query)
    plans = await explain.plans()

    assert plans
    for plan in plans:
        assert [] == list(plan.steps("TableRowIDScan", "TableFullScan", "IndexLookUp", "TopN")), plan
    assert 20 < plans[0].rows_read < 500
