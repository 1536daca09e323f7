"""Connections: pages forwards and backwards, at the root and nested, and what pageInfo says of them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db import models
from db.engine.database import Database
from db.models import Customer
from tests.api import Api
from tests.factories import count_orders, create_customer, create_order, global_id

ORDERS = """
query ($first: Int, $after: String, $last: Int, $before: String) {
  orders(first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { reference } }
    nodes { reference }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}
"""
ORDERS_OF = """
query ($id: ID!, $first: Int, $after: String, $last: Int, $before: String) {
  customer(by: { id: $id }) {
    orders(first: $first, after: $after, last: $last, before: $before) {
      edges { cursor node { reference } }
      nodes { reference }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}
"""
START = datetime(2026, 1, 1, tzinfo=UTC)


async def create_orders(database: Database, customer: Customer, names: Sequence[str]) -> None:
    """One order for each reference, the first being the oldest, an hour apart."""
    rows = [
        {
            "customer_id": customer.id,
            "reference": name,
            "status": "PENDING",
            "total": 1,
            "currency": "EUR",
            "placed_at": START + timedelta(hours=hours),
            "version": 1,
            "created_at": START,
            "updated_at": START,
        }
        for hours, name in enumerate(names)
    ]
    await database.write(lambda transaction: transaction.execute(models.orders.insert(), rows))
    await count_orders(database)


async def page_at_root(api: Api, _customer: Customer, **paging: Any) -> Any:
    return (await api.data(ORDERS, **paging))["orders"]


async def page_of_customer(api: Api, customer: Customer, **paging: Any) -> Any:
    return (await api.data(ORDERS_OF, id=global_id(customer), **paging))["customer"]["orders"]


at_root_and_nested = pytest.mark.parametrize("page", [page_at_root, page_of_customer], ids=["root", "nested"])


def text(page: Any) -> str:
    """The references on a page, with an arrow where there are others, as in "<CB>"."""
    info = page["pageInfo"]
    shown = "".join(node["reference"] for node in page["nodes"])
    return "<" * info["hasPreviousPage"] + shown + ">" * info["hasNextPage"]


@at_root_and_nested
async def test_pages_go_forwards_from_the_newest(database: Database, api: Api, page: Any) -> None:
    """Three pages of two show five orders, and the middle one says that there are others around it."""
    customer = await create_customer(database)
    await create_orders(database, customer, "ABCDE")
    after, seen = None, []
    for _ in range(3):
        found = await page(api, customer, first=2, after=after)
        after = found["pageInfo"]["endCursor"]
        seen.append(text(found))

    assert ["ED>", "<CB>", "<A"] == seen


@at_root_and_nested
async def test_pages_go_backwards_from_the_oldest(database: Database, api: Api, page: Any) -> None:
    """`last` counts from the back; within a page the order is the same as forwards."""
    customer = await create_customer(database)
    await create_orders(database, customer, "ABCDE")
    before, seen = None, []
    for _ in range(3):
        found = await page(api, customer, last=2, before=before)
        before = found["pageInfo"]["startCursor"]
        seen.append(text(found))

    assert ["<BA", "<DC>", "E>"] == seen


@at_root_and_nested
async def test_edges_nodes_and_page_info_agree(database: Database, api: Api, page: Any) -> None:
    """They show the same rows, and pageInfo's cursors are those of the first and the last edge."""
    customer = await create_customer(database)
    await create_orders(database, customer, "ABCDE")

    found = await page(api, customer, first=3)

    cursors = [edge["cursor"] for edge in found["edges"]]
    assert found["nodes"] == [edge["node"] for edge in found["edges"]]
    assert 3 == len(set(cursors))
    assert {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": cursors[0],
        "endCursor": cursors[-1],
    } == found["pageInfo"]


@at_root_and_nested
async def test_every_cursor_can_be_continued_from(database: Database, api: Api, page: Any) -> None:
    """`after` and `before` leave out the row that they name."""
    customer = await create_customer(database)
    await create_orders(database, customer, "ABC")
    cursors = [edge["cursor"] for edge in (await page(api, customer))["edges"]]

    after = [text(await page(api, customer, first=5, after=cursor)) for cursor in cursors]
    before = [text(await page(api, customer, last=5, before=cursor)) for cursor in cursors]

    assert ["<BA", "<A", "<"] == after
    assert [">", "C>", "CB>"] == before


@at_root_and_nested
async def test_a_page_lies_between_two_cursors(database: Database, api: Api, page: Any) -> None:
    """`after` and `before` together bound the rows, from whichever side they are counted."""
    customer = await create_customer(database)
    await create_orders(database, customer, "ABCDEF")
    edges = (await page(api, customer))["edges"]
    bounds = {"after": edges[0]["cursor"], "before": edges[4]["cursor"]}

    forwards = await page(api, customer, first=2, **bounds)
    backwards = await page(api, customer, last=2, **bounds)

    assert ["<ED>", "<DC>"] == [text(forwards), text(backwards)]


@at_root_and_nested
async def test_a_page_of_none_says_whether_there_are_any(database: Database, api: Api, page: Any) -> None:
    """`first: 0` is allowed: no rows, no cursors, and the truth about what follows."""
    customer = await create_customer(database)
    empty = await page(api, customer, first=0)
    await create_orders(database, customer, "A")
    full = await page(api, customer, first=0)

    nothing = {"edges": [], "nodes": []}
    info = {"hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert {**nothing, "pageInfo": {"hasNextPage": False, **info}} == empty
    assert {**nothing, "pageInfo": {"hasNextPage": True, **info}} == full


@at_root_and_nested
async def test_a_page_has_twenty_rows_unless_told(database: Database, api: Api, page: Any) -> None:
    """Left out and null are the same, and a hundred is the most."""
    customer = await create_customer(database)
    await create_orders(database, customer, [str(number) for number in range(102)])

    left_out = await page(api, customer)
    null = await page(api, customer, first=None, after=None, last=None, before=None)
    most = await page(api, customer, first=100)
    most_from_the_back = await page(api, customer, last=100)

    assert left_out == null
    assert [str(number) for number in range(101, 81, -1)] == [each["reference"] for each in null["nodes"]]
    assert [str(number) for number in range(101, 1, -1)] == [each["reference"] for each in most["nodes"]]
    assert [str(number) for number in range(99, -1, -1)] == [
        each["reference"] for each in most_from_the_back["nodes"]
    ]


async def test_a_cursor_serves_every_parent_of_its_field(database: Database, api: Api) -> None:
    """A place in one customer's orders is a moment, and a place in another's as well."""
    ada, grace = [await create_customer(database) for _ in range(2)]
    for hours, reference in enumerate("ABCDEF"):
        owner = ada if reference in "ACE" else grace
        placed_at = START + timedelta(hours=hours)
        await create_order(database, owner, reference=reference, placed_at=placed_at)
    first = await page_of_customer(api, ada, first=2)

    following = await page_of_customer(api, grace, first=2, after=first["pageInfo"]["endCursor"])

    assert ["EC>", "<B"] == [text(first), text(following)]


async def test_equal_times_are_told_apart_by_id(database: Database, api: Api) -> None:
    """Orders of the same microsecond come with the larger id first, and pages split them cleanly."""
    customer = await create_customer(database)
    orders = [await create_order(database, customer, placed_at=START, reference=each) for each in "ABCDE"]
    after, seen = None, ""
    for _ in range(3):
        found = await page_of_customer(api, customer, first=2, after=after)
        after = found["pageInfo"]["endCursor"]
        seen += "".join(node["reference"] for node in found["nodes"])

    newest_first = sorted(orders, key=lambda row: row.id, reverse=True)
    assert "".join(str(row.reference) for row in newest_first) == seen


async def test_connections_nest(database: Database, api: Api) -> None:
    """Customers with their orders, and of each order its customer again."""
    for name in ("ada", "grace"):
        customer = await create_customer(database, username=name)
        await create_orders(database, customer, [f"{name}-1", f"{name}-2"])
    await create_customer(database, username="mary")

    data = await api.data(
        """
        {
          customers {
            nodes {
              username
              orders(first: 1) { nodes { reference customer { username } lines { sku } } }
            }
          }
        }
        """
    )

    assert {
        "customers": {
            "nodes": [
                {"username": "mary", "orders": {"nodes": []}},
                *(
                    {
                        "username": name,
                        "orders": {
                            "nodes": [{"reference": f"{name}-2", "customer": {"username": name}, "lines": []}]
                        },
                    }
                    for name in ("grace", "ada")
                ),
            ]
        }
    } == data
