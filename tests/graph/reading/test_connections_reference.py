"""Connections against a plain reference: every row once, in order, with what is around each page."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.engine.database import Database
from tests import reference
from tests.api import Api
from tests.reference import Row
from tests.shop import Shop, open_shop
from tests.where_strategies import arguments, asked, bounds, seeds, sizes

ARGUMENTS = "$first: Int, $last: Int, $after: String, $before: String, $limit: Int"
SHOWN = """
  first: $first, last: $last, after: $after, before: $before, where: $where, orderBy: $orderBy
) {
  edges { cursor node { id } }
  nodes { id }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  totalCount(limit: $limit) { value exact }
}
"""
CUSTOMERS = (
    f"query ($where: CustomerWhere, $orderBy: [CustomerOrder!], $archived: Boolean, {ARGUMENTS}) "
    f"{{ page: customers(includeArchived: $archived, {SHOWN} }}"
)
ORDERS = f"query ($where: OrderWhere, $orderBy: [OrderOrder!], {ARGUMENTS}) {{ page: orders({SHOWN} }}"
NESTED = (
    f"query ($where: OrderWhere, $orderBy: [OrderOrder!], {ARGUMENTS}) {{ "
    f"customers(first: 50, includeArchived: true) {{ nodes {{ id page: orders({SHOWN} }} }} }}"
)
ONE = (
    f"query ($id: ID!, $where: OrderWhere, $orderBy: [OrderOrder!], {ARGUMENTS}) {{ "
    f"customer(by: {{id: $id}}) {{ page: orders({SHOWN} }} }}"
)
LARGEST = 100

shops = settings(
    max_examples=5,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """With filters that no client would be let ask for all parents."""
    async with Api.of(database, cost_limit=1_000_000) as api:
        yield api


def assert_page(expected: tuple[list[Row], bool, bool], whole: list[Row], limit: int, page: Any) -> None:
    rows, has_next, has_previous = expected
    cursors = [edge["cursor"] for edge in page["edges"]]

    assert [row["id"] for row in rows] == [edge["node"]["id"] for edge in page["edges"]]
    assert [row["id"] for row in rows] == [node["id"] for node in page["nodes"]]
    assert {
        "hasNextPage": has_next,
        "hasPreviousPage": has_previous,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
    } == page["pageInfo"]
    assert {"value": min(limit, len(whole)), "exact": len(whole) <= limit} == page["totalCount"]


def chosen(whole: list[Row], places: dict[str, int]) -> dict[str, int]:
    return {name: place % len(whole) for name, place in places.items()} if whole else {}


@shops
@given(
    seed=seeds,
    cases=asked(sent=arguments("orders"), size=sizes(30), limit=st.integers(0, 90), places=bounds),
)
async def test_a_page_of_orders_is_what_the_reference_says(
    database: Database, api: Api, seed: int, cases: list[Any]
) -> None:
    """Any filter and sort, any size, between any two cursors, empty pages too."""
    shop = await open_shop(database, seed)
    for case in cases:
        await check_page(api, ORDERS, shop.orders, **shop.named(case))


@shops
@given(
    seed=seeds,
    cases=asked(
        sent=arguments("customers"),
        archived=st.booleans(),
        size=sizes(14),
        limit=st.integers(0, 14),
        places=bounds,
    ),
)
async def test_a_page_of_customers_is_what_the_reference_says(
    database: Database, api: Api, seed: int, cases: list[Any]
) -> None:
    """The same, with the archived ones and without."""
    shop = await open_shop(database, seed)
    for case in cases:
        rows, sent = customers_of(shop, shop.named(case["sent"]), case.pop("archived"))
        await check_page(api, CUSTOMERS, rows, **{**case, "sent": sent})


def customers_of(shop: Shop, sent: Any, archived: bool) -> tuple[list[Row], Any]:
    """The customers that a filter chooses among, and the arguments that ask for these."""
    rows = [row for row in shop.customers if archived or row["archivedAt"] is None]
    return rows, sent | {"archived": archived}


async def check_page(
    api: Api, query: str, rows: list[Row], sent: Any, size: Any, limit: int, places: Any
) -> None:
    whole = reference.ordered(rows, sent["where"], sent["orderBy"])
    everything = (await api.data(query, **sent, first=LARGEST, limit=None))["page"]
    assert_page((whole, False, False), whole, 10_000, everything)

    found = chosen(whole, places)
    cursors = {name: everything["edges"][place]["cursor"] for name, place in found.items()}
    page = (await api.data(query, **sent, **size, **cursors, limit=limit))["page"]
    between = {name: whole[place] for name, place in found.items()}
    assert_page(reference.page(whole, sent["orderBy"], **size, **between), whole, limit, page)


@shops
@given(
    seed=seeds,
    cases=asked(sent=arguments("orders"), size=sizes(12), limit=st.integers(0, 12), places=bounds),
)
async def test_each_parent_has_its_own_page(
    database: Database, api: Api, seed: int, cases: list[Any]
) -> None:
    """Nested, for parents with many orders, few and none, with the cursors of other parents' pages."""
    shop = await open_shop(database, seed)
    for case in cases:
        await check_nested(api, shop, **shop.named(case))


async def check_nested(api: Api, shop: Shop, sent: Any, size: Any, limit: int, places: Any) -> None:
    wholes = {
        row["id"]: reference.ordered(row["orders"], sent["where"], sent["orderBy"]) for row in shop.customers
    }
    answer = await api.data(NESTED, **sent, first=LARGEST, limit=None)
    everything = {node["id"]: node["page"] for node in answer["customers"]["nodes"]}
    assert wholes.keys() == everything.keys()
    for parent, whole in wholes.items():
        assert_page((whole, False, False), whole, 10_000, everything[parent])

    rows = [row for whole in wholes.values() for row in whole]
    edges = [edge for parent in wholes for edge in everything[parent]["edges"]]
    found = chosen(rows, places)
    cursors = {name: edges[place]["cursor"] for name, place in found.items()}
    answer = await api.data(NESTED, **sent, **size, **cursors, limit=limit)
    between = {name: rows[place] for name, place in found.items()}
    for node in answer["customers"]["nodes"]:
        whole = wholes[node["id"]]
        expected = reference.page(whole, sent["orderBy"], **size, **between)
        assert_page(expected, whole, limit, node["page"])


@shops
@given(seed=seeds, cases=asked(sent=arguments("orders"), size=st.integers(7, 20), backwards=st.booleans()))
async def test_a_walk_shows_every_order_once(
    database: Database, api: Api, seed: int, cases: list[Any]
) -> None:
    """Forwards by first and after, and backwards by last and before."""
    shop = await open_shop(database, seed)
    for case in cases:
        await check_walk(api, ORDERS, shop.orders, **shop.named(case))


@shops
@given(
    seed=seeds,
    cases=asked(
        sent=arguments("customers"),
        archived=st.booleans(),
        size=st.integers(2, 5),
        backwards=st.booleans(),
    ),
)
async def test_a_walk_shows_every_customer_once(
    database: Database, api: Api, seed: int, cases: list[Any]
) -> None:
    """With the archived ones and without."""
    shop = await open_shop(database, seed)
    for case in cases:
        rows, sent = customers_of(shop, shop.named(case["sent"]), case.pop("archived"))
        await check_walk(api, CUSTOMERS, rows, **{**case, "sent": sent})


@shops
@given(
    seed=seeds,
    cases=asked(
        sent=arguments("orders"),
        place=st.integers(0, 7),
        size=st.integers(2, 9),
        backwards=st.booleans(),
    ),
)
async def test_a_walk_shows_every_order_of_a_customer_once(
    database: Database, api: Api, seed: int, cases: list[Any]
) -> None:
    """Below one parent, which has many orders or few."""
    shop = await open_shop(database, seed)
    for case in cases:
        parent = shop.customers[case.pop("place")]
        sent = shop.named(case["sent"]) | {"id": parent["id"]}
        await check_walk(api, ONE, parent["orders"], **{**case, "sent": sent})


async def check_walk(api: Api, query: str, rows: list[Row], sent: Any, size: int, backwards: bool) -> None:
    sent = sent | {"last" if backwards else "first": size}
    bound, cursor = ("before", "startCursor") if backwards else ("after", "endCursor")
    more = "hasPreviousPage" if backwards else "hasNextPage"
    whole = reference.ordered(rows, sent["where"], sent["orderBy"])
    pages: list[list[str]] = []
    info: dict[str, Any] = {more: True}
    while info[more]:
        data = await api.data(query, **sent, limit=0)
        page = data["page"] if "page" in data else data["customer"]["page"]
        pages.append([node["id"] for node in page["nodes"]])
        info = page["pageInfo"]
        sent[bound] = info[cursor]
    if backwards:
        pages.reverse()

    assert [row["id"] for row in whole] == [each for page in pages for each in page]
    assert len(pages) == max(1, -(-len(whole) // size))
