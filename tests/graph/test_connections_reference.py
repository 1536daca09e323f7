"""Connections against a plain reference: every row once, in order, with what is around each page."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.database import Database
from tests import reference
from tests.api import Api
from tests.reference import Row
from tests.shop import Shop, open_shop
from tests.wheres import arguments, bounds, sizes

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
LARGEST = 100

walks = settings(
    max_examples=30,
    deadline=None,
    database=None,
    # One shop for all examples, which only read it.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """With filters that no client would be let ask for all parents."""
    async with Api.of(database, cost_limit=1_000_000) as api:
        yield api


@pytest.fixture
async def shop(database: Database) -> Shop:
    return await open_shop(database)


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


@walks
@given(sent=arguments("orders"), size=sizes(30), limit=st.integers(0, 90), places=bounds)
async def test_a_page_of_orders_is_what_the_reference_says(
    api: Api, shop: Shop, sent: Any, size: dict[str, int], limit: int, places: dict[str, int]
) -> None:
    """Any filter and sort, any size, between any two cursors, empty pages too."""
    await check_page(api, ORDERS, shop.orders, shop.named(sent), size, limit, places)


@walks
@given(
    sent=arguments("customers"),
    archived=st.booleans(),
    size=sizes(14),
    limit=st.integers(0, 14),
    places=bounds,
)
async def test_a_page_of_customers_is_what_the_reference_says(
    api: Api, shop: Shop, sent: Any, archived: bool, size: Any, limit: int, places: Any
) -> None:
    """The same, with the archived ones and without."""
    rows = [row for row in shop.customers if archived or row["archivedAt"] is None]
    await check_page(api, CUSTOMERS, rows, shop.named(sent) | {"archived": archived}, size, limit, places)


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


@walks
@given(sent=arguments("orders"), size=sizes(12), limit=st.integers(0, 12), places=bounds)
async def test_each_parent_has_its_own_page(
    api: Api, shop: Shop, sent: Any, size: Any, limit: int, places: Any
) -> None:
    """Nested, for parents with many orders, few and none, with the cursors of other parents' pages."""
    sent = shop.named(sent)
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


@settings(walks, max_examples=10)
@given(sent=arguments("orders"), size=st.integers(7, 20), backwards=st.booleans())
async def test_a_walk_shows_every_row_once(
    api: Api, shop: Shop, sent: Any, size: int, backwards: bool
) -> None:
    """Forwards by first and after, and backwards by last and before."""
    sent = shop.named(sent) | {"last" if backwards else "first": size}
    bound, cursor = ("before", "startCursor") if backwards else ("after", "endCursor")
    more = "hasPreviousPage" if backwards else "hasNextPage"
    whole = reference.ordered(shop.orders, sent["where"], sent["orderBy"])
    pages: list[list[str]] = []
    info: dict[str, Any] = {more: True}
    while info[more]:
        page = (await api.data(ORDERS, **sent, limit=0))["page"]
        pages.append([node["id"] for node in page["nodes"]])
        info = page["pageInfo"]
        sent[bound] = info[cursor]
    if backwards:
        pages.reverse()

    assert [row["id"] for row in whole] == [each for page in pages for each in page]
