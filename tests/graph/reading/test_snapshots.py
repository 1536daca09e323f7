"""`snapshot: PINNED`: all pages of a walk show the moment of the first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

from db import orders, stale_reads
from db.engine.database import Database
from db.models import Customer, Order
from db.pagination.keyset import ConnectionSpec
from db.pagination.sorts import ORDER_SORTS
from graph.global_ids import GlobalId
from tests.api import Api
from tests.db.test_stale_reads import forgotten, on_sqlite, on_tidb
from tests.factories import create_customer, create_order, line
from tests.shared_tidb import Statements

# Ascending: TiDB's embedded store, not TiKV, reads the present where it scans backwards.
WALK = """
query ($first: Int, $after: String, $snapshot: SnapshotMode, $asOf: DateTime) {
  orders(first: $first, after: $after, orderBy: {field: PLACED_AT}, snapshot: $snapshot, asOf: $asOf) {
    totalCount { value }
    nodes { id version status lines { sku } customer { orders { totalCount { value } } } }
    pageInfo { hasNextPage endCursor snapshot { at pinned } }
  }
}
"""
NESTED = """
query ($first: Int, $after: String, $snapshot: SnapshotMode) {
  customers(orderBy: {field: USERNAME}) {
    nodes {
      id
      orders(first: $first, after: $after, orderBy: {field: PLACED_AT}, snapshot: $snapshot) {
        nodes { id status }
        pageInfo { endCursor snapshot { at pinned } }
      }
    }
  }
}
"""
PAY = """
mutation ($one: ID!, $two: ID!) {
  one: transitionOrder(input: {id: $one, to: PAID}) { ...Answer }
  two: transitionOrder(input: {id: $two, to: PAID}) { ...Answer }
}
fragment Answer on TransitionOrderPayload {
  order { customer { orders(orderBy: {field: PLACED_AT}, snapshot: PINNED) { nodes { status } } } }
}
"""
CLOCK = "NOW(6)"


async def walk(api: Api, size: int, between: Any = None) -> tuple[list[Any], set[str], set[int]]:
    """The rows of all pages, the moments and the counts that they state."""
    after, rows, moments, counts = None, [], set(), set()
    while True:
        page = (await api.data(WALK, first=size, after=after, snapshot="PINNED"))["orders"]
        rows += page["nodes"]
        moments.add(page["pageInfo"]["snapshot"]["at"])
        counts.add(page["totalCount"]["value"])
        assert page["pageInfo"]["snapshot"]["pinned"]
        if not page["pageInfo"]["hasNextPage"]:
            return rows, moments, counts
        after = page["pageInfo"]["endCursor"]
        if between:
            await between()


async def store(database: Database, count: int) -> tuple[Customer, list[Order]]:
    customer = await create_customer(database)
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, count + 1)]
    return customer, [await create_order(database, customer, line(), placed_at=day) for day in days]


async def change(database: Database, customer: Customer, first: Order, second: Order) -> None:
    """Insert, change and delete."""
    await database.write(partial(orders.delete, order_id=first.id))
    await database.write(partial(orders.transition, order_id=second.id, to="PAID"))
    await create_order(database, customer, placed_at=datetime(2026, 1, 9, 12, tzinfo=UTC))


@on_tidb
async def test_a_pinned_walk_shows_its_moment(database: Database, api: Api) -> None:
    """Whatever is inserted, changed and deleted between its pages, counts and edges included."""
    customer, stored = await store(database, 12)
    before = (await api.data(WALK, first=100))["orders"]["nodes"]
    pairs = iter([(stored[10], stored[9]), (stored[8], stored[11]), (stored[0], stored[1])])

    async def between() -> None:
        await change(database, customer, *next(pairs))

    rows, moments, counts = await walk(api, 3, between)
    (moment,) = moments

    assert before == rows
    assert {12} == counts
    assert before == (await api.data(WALK, first=100, asOf=moment))["orders"]["nodes"]
    assert before != (await api.data(WALK, first=100))["orders"]["nodes"]


@on_tidb
async def test_a_pinned_walk_among_writers_shows_its_moment(database: Database, api: Api) -> None:
    """The writers do not wait for the pages; one read as of the moment shows the same rows."""
    customer, stored = await store(database, 24)
    async with changing(database, customer, stored):
        rows, moments, counts = await walk(api, 4)
    (moment,) = moments

    assert rows == (await api.data(WALK, first=100, asOf=moment))["orders"]["nodes"]
    assert {len(rows)} == counts
    assert rows != (await api.data(WALK, first=100))["orders"]["nodes"]


@asynccontextmanager
async def changing(database: Database, customer: Customer, stored: list[Order]) -> AsyncIterator[None]:
    """Change the orders from the last to the first until the block is left."""

    async def keep_changing() -> None:
        for first, second in zip(reversed(stored[::2]), reversed(stored[1::2]), strict=True):
            await change(database, customer, first, second)

    task = asyncio.ensure_future(keep_changing())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@on_tidb
async def test_a_pin_costs_one_statement_for_the_whole_walk(
    database: Database, api: Api, statements: Statements
) -> None:
    """The clock is read for the first page alone; LATEST and null cost what leaving it out costs."""
    await store(database, 4)
    costs = {}
    for mode in (None, "LATEST", "PINNED"):
        after = None
        for page in ("first", "later"):
            statements.clear()
            data = await api.data(WALK, first=2, after=after, snapshot=mode)
            after = data["orders"]["pageInfo"]["endCursor"]
            costs[mode, page] = (len(statements), sum("AS OF" in each for each in statements))

    # The page, its count, lines, customers. A pin reads the clock, and counts orders as of its timestamp.
    assert {(4, 0)} == {costs[mode, page] for mode in (None, "LATEST") for page in ("first", "later")}
    assert ((6, 5), (5, 5)) == (costs["PINNED", "first"], costs["PINNED", "later"])


@on_tidb
async def test_nested_pins_share_a_moment(database: Database, api: Api, statements: Statements) -> None:
    """One look at the clock is for all parents, and the cursor of any one's page goes on at its moment."""
    for _ in range(20):
        _, stored = await store(database, 3)
    statements.clear()
    found = (await api.data(NESTED, first=1, snapshot="PINNED"))["customers"]["nodes"]
    cost = [len(statements), sum(CLOCK in each for each in statements)]
    moments = {each["orders"]["pageInfo"]["snapshot"]["at"] for each in found}
    await database.write(partial(orders.transition, order_id=stored[1].id, to="PAID"))
    after = found[0]["orders"]["pageInfo"]["endCursor"]
    later = (await api.data(NESTED, first=9, after=after, snapshot="PINNED"))["customers"]["nodes"]
    shown = {order["id"]: order["status"] for each in later for order in each["orders"]["nodes"]}

    # The customers, the clock, the look at their orders and the pages.
    assert [4, 1] == cost
    assert [20, 1] == [len(found), len(moments)]
    assert moments == {each["orders"]["pageInfo"]["snapshot"]["at"] for each in later}
    assert "PENDING" == shown[GlobalId("Order", stored[1].id).encode()]


@on_tidb
async def test_a_moment_that_is_gone_shows_the_present(database: Database, api: Api) -> None:
    """The page says so, as does all below it; the page after it is pinned anew."""
    _, stored = await store(database, 4)
    page = (await api.data(WALK, first=2, snapshot="PINNED"))["orders"]
    await database.write(partial(orders.transition, order_id=stored[2].id, to="PAID"))
    with forgotten(9006):
        gone = (await api.data(WALK, first=1, after=page["pageInfo"]["endCursor"], snapshot="PINNED"))[
            "orders"
        ]
    again = (await api.data(WALK, first=1, after=gone["pageInfo"]["endCursor"], snapshot="PINNED"))["orders"]

    assert {"at": None, "pinned": False} == gone["pageInfo"]["snapshot"]
    assert ["PAID"] == [order["status"] for order in gone["nodes"]]
    assert [{"orders": {"totalCount": {"value": 4}}}] == [order["customer"] for order in gone["nodes"]]
    assert again["pageInfo"]["snapshot"]["pinned"]
    assert page["pageInfo"]["snapshot"]["at"] < again["pageInfo"]["snapshot"]["at"]


@on_tidb
async def test_a_moment_before_the_tables_shows_the_present(database: Database, api: Api) -> None:
    """TiDB itself refuses it, without anything injected."""
    _, stored = await store(database, 2)
    sort = ORDER_SORTS[0].towards(descending=False)
    cursor = ConnectionSpec("Query.orders", "orders", sort).cursor(
        stored[0], datetime(2020, 1, 1, tzinfo=UTC)
    )
    page = (await api.data(WALK, after=cursor, snapshot="PINNED"))["orders"]

    assert {"at": None, "pinned": False} == page["pageInfo"]["snapshot"]
    assert [GlobalId("Order", stored[1].id).encode()] == [order["id"] for order in page["nodes"]]


@on_tidb
async def test_a_pin_below_a_mutation_shows_its_change(database: Database, api: Api) -> None:
    """Each mutation of a request has a pin of its own, past its commit."""
    _, (one, two) = await store(database, 2)
    ids = {name: GlobalId("Order", order.id).encode() for name, order in (("one", one), ("two", two))}
    data = await api.data(PAY, **ids)
    statuses = {
        name: [each["status"] for each in answer["order"]["customer"]["orders"]["nodes"]]
        for name, answer in data.items()
    }

    assert {"one": ["PAID", "PENDING"], "two": ["PAID", "PAID"]} == statuses


@on_sqlite
async def test_sqlite_refuses_a_pin(database: Database, api: Api) -> None:
    """It keeps no past, and says so instead of showing the present; also to a pinned cursor."""
    _, stored = await store(database, 1)
    sort = ORDER_SORTS[0].towards(descending=False)
    cursor = ConnectionSpec("Query.orders", "orders", sort).cursor(
        stored[0], datetime(2026, 1, 1, tzinfo=UTC)
    )
    for after in (None, cursor):
        (error,) = (await api.send(WALK, after=after, snapshot="PINNED"))["errors"]

        assert ("AS_OF_UNAVAILABLE", stale_reads.NO_STALE_READS) == (
            error["extensions"]["code"],
            error["message"],
        )
    page = (await api.data(WALK, after=cursor, snapshot="LATEST"))["orders"]
    assert [[], None] == [page["nodes"], page["pageInfo"]["snapshot"]]
