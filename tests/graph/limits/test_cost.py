"""The cost of an operation is told by its arguments, and what costs too much is not begun."""

import re
from pathlib import Path
from typing import Any

import pytest
from graphql import get_introspection_query

from db.engine.database import Database
from graph import schema as schemas
from graph.types.fields import Batched, Column, Computed, Mutating, declaration
from tests.api import Api
from tests.shared_tidb import Statements

PAGE = Path(__file__).parents[3] / "docs" / "reading-cost.md"
DASHBOARD = """
{
  customers {
    totalCount { value }
    nodes { name orders(first: 5) { totalCount { value } nodes { id lines { sku } } } }
  }
}
"""
# Each line is an operation and its cost; docs/reading-cost.md says how the points come together.
COSTS = [
    ("{ __typename __schema { types { name fields { name } } } }", (1 + 110 * (1 + 5)) // 50),
    ('{ customer(by: {username: "ada"}) { name email } }', 1),
    ('{ order(by: {reference: "R-1"}) { total { amount } customer { name } } }', 2),
    ('{ nodes(ids: ["a", "b", "c"]) { id } }', 3),
    ('{ nodes(ids: ["a", "b"]) { ... on Order { lines { sku } } ... on Customer { id } } }', 22),
    ("{ customers { nodes { name } } }", 21),
    ("{ customers(last: 3) { edges { node { name } } pageInfo { hasNextPage } } }", 4),
    ("{ orders { nodes { customer { name } lines { sku } } } }", 241 + 20 * 11 // 50),
    ("{ orders(first: 0) { totalCount { value } } }", 102),
    ("{ orders(first: 0) { totalCount(limit: 500) { value } } }", 7),
    ("{ a: orders(first: 1) { nodes { id } } b: orders(first: 1) { nodes { id } } }", 4),
    ("{ orders(first: 1) { a: nodes { lines { sku } } b: nodes { lines { sku } } } }", 22),
    ("{ orders(first: 0, where: {version: {gt: 1}}) { totalCount(limit: 5) { value } } }", 2002),
    ('{ customers(first: 0, search: "ada") { totalCount(limit: 5) { value } } }', 2002),
    ("{ orders(first: 0, where: {status: {eq: PAID}}) { totalCount(limit: 5) { value } } }", 2),
    (DASHBOARD, 3262 + (1 + 20 * (2 + 5 * 11)) // 50),
    ("{ customers(first: 100) { nodes { orders(first: 100) { nodes { id } } } } }", 10201 + 200),
    ('mutation { restoreCustomer(input: {id: "x"}) { customer { orders(first: 1) { nodes { id } } } } }', 12),
    ("{ orderSummary { count } }", 1000),
    ("{ orderSummary(first: 0) { customer { name } } }", 1000),
    ("{ orderSummary(groupBy: [CUSTOMER], first: 5) { customer { name } } }", 1005),
    ("{ orderSummary(groupBy: [CUSTOMER]) { customer { name } } }", 1020),
]
# What is refused reads nothing, and lets nothing else through.
REFUSED = [
    "customers(first: 101) { nodes { orders { nodes { id } } } }",
    "customers(first: -1000000) { nodes { id } }",
    "orders(last: -1000000) { nodes { id } }",
    "orderSummary(first: -1000000) { customer { name } }",
    "orderSummary(first: 101) { customer { name } }",
    "orderSummary(groupBy: [DAY, WEEK]) { count }",
    'orderSummary(timeZone: "Mars/Olympus") { count }',
    f"nodes(ids: {['x'] * 101}) {{ id }}".replace("'", '"'),
]


async def cost(api: Api, query: str, **variables: Any) -> int:
    body = {"query": query, "variables": variables}
    answer = (await api.client.post("/graphql", json=body, headers={"tidegraph-receipt": "1"})).json()
    if "extensions" in answer:
        found: int = answer["extensions"]["receipt"]["cost"]
    else:
        (error,) = answer["errors"]
        found = error["extensions"]["cost"]
    return found


@pytest.mark.parametrize(("query", "expected"), COSTS)
async def test_cost_is_told_by_the_arguments(sqlite_api: Api, query: str, expected: int) -> None:
    """A point for each row that may be read, each level times the rows above it."""
    assert expected == await cost(sqlite_api, query)


@pytest.mark.parametrize(
    ("query", "expected"), re.findall(r"^\| `(\{.*\})` \| (\d+) \|$", PAGE.read_text(), re.M)
)
async def test_the_page_prices_its_examples_right(sqlite_api: Api, query: str, expected: str) -> None:
    """Each row of its table of operations."""
    assert int(expected) == await cost(sqlite_api, query)


async def test_values_cost_a_point_for_fifty(sqlite_api: Api) -> None:
    """Leaves, times aliases and lists: of pages, lines, changes, and of a batch's results."""
    names = " ".join(f"a{number}: name" for number in range(100))
    lines = f"lines {{ {names} }}"
    changes = "a: fields { field before after } b: fields { field }"
    batch = """mutation ($items: [TransitionOrderItem!]!) { transitionOrders(input: {items: $items}) {
      results { outcome order { id } } userErrors { code message }
    } }"""
    items = [{"id": "x", "to": "PAID"}] * 100

    assert 1 + 2 == await cost(sqlite_api, f'{{ customer(by: {{username: "a"}}) {{ {names} }} }}')
    assert 21 + 20 * 2 == await cost(sqlite_api, f"{{ customers {{ nodes {{ {names} }} }} }}")
    assert 1 + 10 + 1000 // 50 == await cost(sqlite_api, f'{{ order(by: {{id: "x"}}) {{ {lines} }} }}')
    assert 101 + 100 * (5 * 21 + 5) // 50 == await cost(
        sqlite_api, f'{{ history(node: "x", first: 100) {{ nodes {{ {changes} }} }} }}'
    )
    assert 10 + 100 * 4 // 50 == await cost(sqlite_api, batch, items=items)


async def test_a_full_page_of_full_pages_is_affordable(sqlite_api: Api) -> None:
    """100 customers with 100 orders each, with all that is on their rows."""
    order = "id reference status total { amount currency } placedAt createdAt updatedAt version"
    customer = "id username name email version createdAt updatedAt archivedAt"
    orders = f"orders(first: 100) {{ nodes {{ {order} }} pageInfo {{ hasNextPage endCursor }} }}"
    points = await cost(sqlite_api, f"{{ customers(first: 100) {{ nodes {{ {customer} {orders} }} }} }}")

    assert 10_201 + (100 * (8 + 2) + 10_000 * 9) // 50 == points < 20_000


async def test_introspection_costs_by_what_it_selects(sqlite_api: Api) -> None:
    """What tools send is affordable, twenty times as much is not."""
    once = "types { fields { name args { name type { name } } type { name ofType { name } } } }"
    many = " ".join(f"a{number}: __schema {{ {once} }}" for number in range(20))

    assert 1138 == await cost(sqlite_api, get_introspection_query())
    assert 20 * (110 * 5 * (1 + 2 * 2 + 2)) // 50 == await cost(sqlite_api, f"{{ {many} }}")
    assert 0 == await cost(sqlite_api, '{ __type(name: "Order") { name } }')


@pytest.mark.parametrize("field", REFUSED)
async def test_a_refused_field_costs_nothing(sqlite_api: Api, field: str) -> None:
    """Not less than nothing either: the others cost what they cost without it."""
    assert 1021 == await cost(
        sqlite_api, f"{{ refused: {field} orders(where: {{version: {{gt: 1}}}}) {{ nodes {{ id }} }} }}"
    )


async def test_a_refused_count_costs_nothing(sqlite_api: Api) -> None:
    """Its page costs what it costs without it."""
    assert 2 == await cost(sqlite_api, "{ orders(first: 1) { totalCount(limit: -1000000) { value } } }")


async def test_variables_fragments_and_directives_count(sqlite_api: Api) -> None:
    """Values as they are coerced, defaults in; a repeated field once; what is skipped not at all."""
    query = """
      query ($first: Int = 5, $lines: Boolean!, $where: OrderWhere) {
        orders(first: $first, where: $where) {
          ...Rows
          nodes { customer { name } ... @include(if: $lines) { lines { sku } } }
          totalCount @skip(if: true) { value }
        }
      }
      fragment Rows on OrderConnection { nodes { customer { email } } }
    """

    assert 6 + 5 == await cost(sqlite_api, query, lines=False)
    assert 6 + 5 * 11 + 5 * 12 // 50 == await cost(sqlite_api, query, lines=True)
    assert 3 + 2 == await cost(sqlite_api, query, lines=False, first=2)
    assert 1006 + 5 == await cost(sqlite_api, query, lines=False, where={"version": {"eq": 1}})


async def test_above_the_limit_nothing_is_sent(api: Api, statements: Statements) -> None:
    """An error with cost and limit, no data, and no SQL."""
    query = "{ customers(first: 100) { nodes { orders(first: 100) { nodes { lines { sku } } } } } }"
    accept = {"accept": "application/graphql-response+json"}
    response = await api.client.post("/graphql", json={"query": query}, headers=accept)
    answer = response.json()
    (error,) = answer["errors"]

    assert 400 == response.status_code
    assert "data" not in answer
    assert {"code": "COST_LIMIT_EXCEEDED", "cost": 112201, "limit": 20000} == error["extensions"]
    assert [] == statements


async def test_the_limit_is_a_setting(database: Database) -> None:
    """What costs just the limit runs; a mutation above it does not."""
    mutation = 'mutation { createCustomer(input: {username: "a", name: "A"}) { customer { name } } }'
    async with Api.of(database, cost_limit=9) as api:
        assert "COST_LIMIT_EXCEEDED" == await api.code(mutation)
    async with Api.of(database, cost_limit=10) as api:
        assert {"createCustomer": {"customer": {"name": "A"}}} == await api.data(mutation)


async def test_fragments_that_multiply_each_other_are_counted_quickly(sqlite_api: Api) -> None:
    """The number stays one that every JSON reader takes."""
    fragments = [
        f"fragment F{n} on Customer {{ a: orders {{ ...G{n} }} b: orders {{ ...G{n} }} }}"
        f"fragment G{n} on OrderConnection {{ nodes {{ customer {{ ...F{n + 1} }} }} }}"
        for n in range(6)
    ]
    query = "{ customers { nodes { ...F0 } } }" + "".join(fragments) + "fragment F6 on Customer { id }"

    assert 1_000_000_000 == await cost(sqlite_api, query)


def test_every_field_that_reads_has_a_price() -> None:
    """A new batch without a price fails here."""
    unpriced = []
    for kind in schemas.build()._schema.type_map.values():
        for name, field in getattr(kind, "fields", {}).items():
            definition = field.extensions.get("strawberry-definition")
            match definition and hasattr(definition, "metadata") and declaration(definition):
                case Batched(cost=None):
                    unpriced.append(f"{kind.name}.{name}")
                case Column() | Computed() | Batched() | Mutating() | False | None:
                    continue
                case other:
                    unpriced.append(f"{kind.name}.{name}: {other}")

    assert [] == unpriced
