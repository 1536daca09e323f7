"""What no index serves costs a surcharge, also below a parent, across the relation and in counts."""

import pytest

from tests.api import Api
from tests.graph.limits.test_cost import cost

INDEXED = [
    "customers",
    'customers(where: {username: {startsWith: "a"}}, orderBy: {field: USERNAME})',
    'customers(where: {email: {in: ["a@b.c"]}, name: {contains: "x"}})',
    'customers(where: {createdAt: {gte: "2026-01-01T00:00:00Z"}})',
    'customers(where: {username: {startsWith: "a"}})',
    'customers(where: {email: {gt: "a"}}, orderBy: {field: CREATED_AT, direction: DESC})',
    "customers(includeArchived: true, orderBy: {field: USERNAME})",
    "orders(where: {status: {eq: PAID}})",
    'orders(where: {status: {eq: PAID}, and: [{placedAt: {lt: "2026-01-01T00:00:00Z"}}]})',
    "orders(where: {status: {in: [PAID]}}, orderBy: [{field: STATUS}, {field: PLACED_AT}])",
    "orders(where: {status: {in: [PAID, PENDING]}})",
    'orders(where: {createdAt: {gte: "2026-01-01T00:00:00Z"}})',
    'orders(where: {customer: {id: {eq: "x"}}}, orderBy: {field: CREATED_AT})',
    'orders(where: {total: {amount: {gte: "1"}, currency: {eq: "EUR"}}}, orderBy: {field: TOTAL})',
]
UNINDEXED = [
    'customers(where: {name: {eq: "x"}})',
    'customers(where: {email: {ne: "x"}})',
    'customers(where: {not: {username: {startsWith: "a"}}})',
    'customers(where: {or: [{username: {eq: "a"}}]})',
    "customers(where: {email: {isNull: true}})",
    'customers(where: {email: {isNull: true}, username: {gte: "a"}})',
    'customers(where: {username: {gt: "a"}, email: {isNull: true}}, includeArchived: true)',
    "customers(where: {orders: {some: {status: {eq: PAID}}}})",
    'customers(where: {username: {startsWith: "a"}}, orderBy: {field: NAME})',
    'customers(where: {username: {startsWith: "a"}, email: {startsWith: "a"}})',
    "customers(where: {version: {gt: 1}})",
    'orders(where: {customer: {name: {eq: "x"}}})',
    "orders(where: {status: {in: [PAID, PENDING]}}, orderBy: {field: CREATED_AT})",
    'orders(where: {total: {amount: {gte: "1"}}})',
    'orders(where: {reference: {isNull: true}, createdAt: {gte: "2026-01-01T00:00:00Z"}})',
    'orders(where: {status: {in: [PAID]}, createdAt: {gte: "2026-01-01T00:00:00Z"}})',
]


@pytest.mark.parametrize("field", INDEXED)
async def test_what_an_index_serves_has_no_surcharge(sqlite_api: Api, field: str) -> None:
    """A page of 20 costs 21 points."""
    assert 21 == await cost(sqlite_api, f"{{ {field} {{ nodes {{ id }} }} }}")


@pytest.mark.parametrize("field", UNINDEXED)
async def test_what_no_index_serves_has_a_surcharge(sqlite_api: Api, field: str) -> None:
    """1,000 points more at the root."""
    assert 1021 == await cost(sqlite_api, f"{{ {field} {{ nodes {{ id }} }} }}")


async def test_a_nested_surcharge_counts_for_each_parent(sqlite_api: Api) -> None:
    """50 points for each; an equality that the parent's index goes on with costs none."""
    nested = "{ customers(first: 2) { nodes { orders(first: 1, where: %s) { nodes { id } } } } }"

    assert 3 + 2 * 2 == await cost(sqlite_api, nested % "{status: {eq: PAID}}")
    assert 3 + 2 * 52 == await cost(sqlite_api, nested % "{version: {gt: 1}}")


async def test_a_condition_across_the_relation_is_not_within_its_parent(sqlite_api: Api) -> None:
    """It may read all rows of the other table, in sums too, also in an `or` or a `not`."""
    nested = "{ customers(first: 2) { nodes { %s } } }"
    across = '{or: [{not: {customer: {name: {eq: "x"}}}}]}'

    assert 3 + 2 * 1002 == await cost(
        sqlite_api, nested % f"orders(first: 1, where: {across}) {{ nodes {{ id }} }}"
    )
    assert 3 + 2 * 1000 == await cost(sqlite_api, nested % f"orderStats(where: {across}) {{ count }}")
    assert 3 + 2 * 50 == await cost(sqlite_api, nested % "orderStats(where: {version: {gt: 1}}) { count }")


async def test_each_count_has_the_surcharge_of_its_connection(sqlite_api: Api) -> None:
    """Every different limit is a statement that reads as much as the page, nested for each parent."""
    counts = " ".join(f"a{limit}: totalCount(limit: {limit}) {{ value }}" for limit in range(1, 60))
    nested = (
        "{ customers(first: 2) { nodes { orders(first: 0, where: %s) { totalCount(limit: 1) { value } } } } }"
    )

    assert 1001 + 59 * 1001 + 59 // 50 == await cost(
        sqlite_api, f"{{ orders(where: {{version: {{gt: 1}}}}, first: 0) {{ {counts} }} }}"
    )
    assert 3 + 2 * (1 + 1) == await cost(sqlite_api, nested % "{status: {eq: PAID}}")
    assert 3 + 2 * (51 + 51) == await cost(sqlite_api, nested % "{version: {gt: 1}}")


async def test_the_message_names_what_no_index_serves(sqlite_api: Api) -> None:
    """Smaller pages alone would not help."""
    query = """
      {
        dear: orders(where: {version: {gt: 1}}) { nodes { id } }
        customers(first: 100) { nodes {
          orders(first: 100, where: {version: {gt: 1}}) { nodes { id lines { sku } } }
        } }
      }
    """
    (error,) = (await sqlite_api.send(query))["errors"]

    assert (
        "The operation costs 118422 points; the limit is 20000. Ask for smaller pages. "
        "No index serves the filter and sort of Query.orders, Customer.orders, which makes them expensive."
    ) == error["message"]
