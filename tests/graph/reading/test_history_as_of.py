"""Histories of the past: `asOf` above them, and walks that are pinned to a moment."""

from functools import partial
from typing import Any

from db import customers
from db.engine.database import Database
from graph.types.scalars import serialize_date_time
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id

# `last` and not `first`: TiDB's embedded store, not TiKV, reads the present where it scans backwards.
AS_OF = """
query ($id: ID!, $asOf: DateTime) {
  history(node: $id, last: 100, asOf: $asOf) { totalCount { value } nodes { version } }
  customer(by: {id: $id}, asOf: $asOf) { history(last: 100) { nodes { version } } }
}
"""
PINNED = """
query ($id: ID!, $before: String) {
  history(node: $id, last: 2, before: $before, snapshot: PINNED) { ...Walk }
  customer(by: {id: $id}) { history(last: 2, snapshot: PINNED) { ...Walk } }
}
fragment Walk on ChangeConnection {
  totalCount { value } nodes { version }
  pageInfo { hasNextPage hasPreviousPage startCursor snapshot { at pinned } }
}
"""


async def rename(database: Database, customer_id: int, name: str) -> None:
    await database.write(partial(customers.update, customer_id=customer_id, values={"name": name}))


@on_tidb
async def test_a_history_is_read_as_of_a_moment(database: Database, api: Api) -> None:
    """What was changed after it is not there yet."""
    customer = await create_customer(database)
    await rename(database, customer.id, "Then")
    moment = serialize_date_time(await database.reader().pin())
    await rename(database, customer.id, "Now")

    then, now = [await api.data(AS_OF, id=global_id(customer), **more) for more in ({"asOf": moment}, {})]
    assert [2, 1] == [each["version"] for each in then["history"]["nodes"]]
    assert {"value": 2} == then["history"]["totalCount"]
    assert then["history"]["nodes"] == then["customer"]["history"]["nodes"]
    assert [3, 2, 1] == [each["version"] for each in now["history"]["nodes"]]


@on_tidb
async def test_a_pinned_walk_shows_its_moment(database: Database, api: Api) -> None:
    """A change between two pages is on neither of them."""
    customer = await create_customer(database)
    for name in "ABC":
        await rename(database, customer.id, name)
    pages: list[Any] = []
    before = None
    for _ in range(2):
        data = await api.data(PINNED, id=global_id(customer), before=before)
        pages.append(data["history"])
        before = pages[-1]["pageInfo"]["startCursor"]
        await rename(database, customer.id, f"After {len(pages)}")

    assert [[2, 1], [4, 3]] == [[each["version"] for each in page["nodes"]] for page in pages]
    assert [4, 4] == [page["totalCount"]["value"] for page in pages]
    assert 1 == len({page["pageInfo"]["snapshot"]["at"] for page in pages})
    assert [True, False] == [page["pageInfo"]["hasPreviousPage"] for page in pages]
    # The nested one was pinned anew, behind the change between the two.
    assert {"value": 5} == data["customer"]["history"]["totalCount"]
