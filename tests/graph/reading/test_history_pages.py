"""Histories are connections: pages, counts and cursors, for one parent and for many."""

from functools import partial
from typing import Any

import pytest

from db import customers, orders
from db.engine.database import Database
from db.models import Customer
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order, global_id
from tests.shared_tidb import Statements

PAGE = """
(first: $first, after: $after, last: $last, before: $before) {
  totalCount { value }
  edges { cursor node { version } }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
}
"""
ARGUMENTS = "$id: ID!, $first: Int, $after: String, $last: Int, $before: String"
AT_ROOT = f"query ({ARGUMENTS}) {{ history{PAGE.replace('(', '(node: $id, ', 1)} }}"
OF_CUSTOMER = f"query ({ARGUMENTS}) {{ customer(by: {{id: $id}}) {{ history{PAGE} }} }}"
OF_ORDER = f"query ({ARGUMENTS}) {{ order(by: {{id: $id}}) {{ history{PAGE} }} }}"
FIELDS = {"root": AT_ROOT, "customer": OF_CUSTOMER, "order": OF_ORDER}
MANY = """
query ($first: Int) {
  customers(first: $first) {
    nodes {
      history(first: 2) { totalCount { value } nodes { version } }
      orders(first: 2) { nodes { history(first: 2) { nodes { version action fields { field after } } } } }
    }
  }
}
"""


async def page(api: Api, query: str, node: str, **sent: Any) -> Any:
    data = await api.data(query, id=node, **sent)
    return data["history"] if "history" in data else next(iter(data.values()))["history"]


async def renamed(database: Database, times: int) -> Customer:
    """A customer with a history of `times` changes after the first."""
    customer = await create_customer(database)
    for number in range(times):
        change = partial(customers.update, customer_id=customer.id, values={"name": str(number)})
        await database.write(change)
    return customer


async def moved(database: Database, *path: str) -> str:
    order = await create_order(database, await create_customer(database))
    for to in path:
        await database.write(partial(orders.transition, order_id=order.id, to=to))
    return global_id(order)


async def subject(database: Database, field: str) -> str:
    """The id of an object with four changes."""
    if field == "order":
        return await moved(database, "PAID", "FULFILLED", "REFUNDED")
    return global_id(await renamed(database, 3))


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("size", [1, 2, 3, 4])
async def test_a_walk_shows_every_change_once(database: Database, api: Api, field: str, size: int) -> None:
    """Forwards from the newest, backwards from the oldest; the count is of all."""
    node = await subject(database, field)
    for turn, towards in (("first", "after"), ("last", "before")):
        seen: list[int] = []
        cursor = None
        while True:
            found = await page(api, FIELDS[field], node, **{turn: size, towards: cursor})
            info, versions = found["pageInfo"], [edge["node"]["version"] for edge in found["edges"]]
            seen += versions if turn == "first" else versions[::-1]
            assert {"value": 4} == found["totalCount"]
            assert bool(cursor) == info["hasPreviousPage" if turn == "first" else "hasNextPage"]
            if not info["hasNextPage" if turn == "first" else "hasPreviousPage"]:
                break
            cursor = info["endCursor" if turn == "first" else "startCursor"]

        assert ([4, 3, 2, 1] if turn == "first" else [1, 2, 3, 4]) == seen


async def test_a_page_lies_between_two_cursors(database: Database, api: Api) -> None:
    """Both `after` and `before` hold."""
    node = await subject(database, "customer")
    newest, *_, oldest = (await page(api, OF_CUSTOMER, node, first=4))["edges"]

    between = await page(api, OF_CUSTOMER, node, first=4, after=newest["cursor"], before=oldest["cursor"])

    assert [3, 2] == [edge["node"]["version"] for edge in between["edges"]]


async def test_statements_do_not_grow_with_parents(
    database: Database, api: Api, statements: Statements
) -> None:
    """One customer and fifty cost the same."""
    for _ in range(50):
        await create_order(database, await renamed(database, 1))
    counts = []
    for first in (1, 50):
        statements.clear()
        nodes = (await api.data(MANY, first=first))["customers"]["nodes"]
        counts.append(len(statements))

        shown = {"totalCount": {"value": 2}, "nodes": [{"version": 2}, {"version": 1}]}
        assert [shown] * first == [node["history"] for node in nodes]
        assert {1} == {len(order["history"]["nodes"]) for node in nodes for order in node["orders"]["nodes"]}

    # Customers; sizes, pages and counts of their histories; orders; sizes and pages of their histories.
    assert [7, 7] == counts


@pytest.mark.parametrize("kind", ["Customer", "Order"])
async def test_what_was_deleted_stays_readable(database: Database, api: Api, kind: str) -> None:
    """By its id alone, for the object itself is gone."""
    owner = await create_customer(database)
    row = owner if kind == "Customer" else await create_order(database, owner)
    delete = customers.delete if kind == "Customer" else orders.delete
    await database.write(lambda transaction: delete(transaction, row.id))

    data = await api.data(
        "query ($id: ID!) { node(id: $id) { id } history(node: $id) { nodes { version action } } }",
        id=global_id(row),
    )

    changes = [{"version": 2, "action": "DELETED"}, {"version": 1, "action": "CREATED"}]
    assert {"node": None, "history": {"nodes": changes}} == data


@pytest.mark.parametrize(
    "node",
    [
        *("", "rubbish", "Customer:1", "Q3VzdG9tZXI6MDE"),
        GlobalId("Customer", 2**63 - 1).encode(),
        GlobalId("Order", 2**53).encode(),
    ],
)
async def test_an_id_of_nothing_has_no_history(database: Database, api: Api, node: str) -> None:
    """Whether it is malformed or of nothing: an empty page, and no error."""
    await renamed(database, 1)

    empty = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}
    assert {"totalCount": {"value": 0}, "edges": [], "pageInfo": empty} == await page(api, AT_ROOT, node)


async def test_cursors_belong_to_a_field_and_a_kind(database: Database, api: Api) -> None:
    """One of another object of the kind is as good; one of another field or kind is refused."""
    ids = {field: await subject(database, field) for field in FIELDS}
    other = global_id(await renamed(database, 2))
    cursors = {
        field: (await page(api, query, ids[field], first=2))["pageInfo"]["endCursor"]
        for field, query in FIELDS.items()
    }

    for field, query in FIELDS.items():
        for origin, cursor in cursors.items():
            if field != origin:
                assert "BAD_USER_INPUT" == await api.code(query, id=ids[field], after=cursor)
    assert "BAD_USER_INPUT" == await api.code(AT_ROOT, id=ids["order"], after=cursors["root"])
    for field in ("root", "customer"):
        shown = await page(api, FIELDS[field], other, after=cursors[field])
        assert [2, 1] == [edge["node"]["version"] for edge in shown["edges"]]


@pytest.mark.parametrize("sent", [{"first": -1}, {"first": 101}, {"last": 101}, {"first": 1, "last": 1}])
async def test_bad_paging_is_refused(sqlite_api: Api, sent: dict[str, int]) -> None:
    """As by every connection, also for an id of nothing."""
    assert "BAD_USER_INPUT" == await sqlite_api.code(AT_ROOT, id="rubbish", **sent)
