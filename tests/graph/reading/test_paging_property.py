"""Whatever the data and the page sizes, paging shows every row once, in order, and says what is around."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import models
from db.engine.database import Database
from db.models import Customer, Order
from tests.api import Api
from tests.factories import count_orders, create_customer, global_id

START = datetime(2026, 1, 1, tzinfo=UTC)
PAGE = """
(first: $first, after: $after, last: $last, before: $before) {
  edges { cursor node { id } }
  nodes { id }
  pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
}
"""
ARGUMENTS = "$first: Int, $after: String, $last: Int, $before: String"
AT_ROOT = f"query ({ARGUMENTS}) {{ orders {PAGE} }}"
NESTED = f"query ($id: ID!, {ARGUMENTS}) {{ customer(by: {{ id: $id }}) {{ orders {PAGE} }} }}"

# Few moments, so that many orders share one; a negative microsecond crosses a second's border.
MOMENTS = st.lists(st.tuples(st.integers(0, 1), st.integers(-1, 2)), max_size=12)
SIZES = st.lists(st.integers(1, 5), min_size=12, max_size=12)


async def fill(
    database: Database, owners: Sequence[Customer], moments: Sequence[tuple[int, int]]
) -> dict[int, list[str]]:
    """Store an order for each (owner, microsecond); the ids by owner, and all of them by 0, newest first."""
    rows = [
        {
            "customer_id": owners[owner].id,
            "status": "PENDING",
            "total": 1,
            "currency": "EUR",
            "placed_at": START + timedelta(microseconds=microseconds),
            "version": 1,
            "created_at": START,
            "updated_at": START,
        }
        for owner, microseconds in moments
    ]

    async def replace(transaction: Any) -> Any:
        await transaction.execute(models.orders.delete())
        if rows:
            await transaction.execute(models.orders.insert(), rows)
        return await transaction.fetch(models.orders.select())

    orders = [Order(*row) for row in await database.write(replace)]
    await count_orders(database)
    orders.sort(key=lambda order: (order.placed_at, order.id), reverse=True)
    found = {
        owner.id: [global_id(each) for each in orders if each.customer_id == owner.id] for owner in owners
    }
    return {0: [global_id(each) for each in orders], **found}


async def walk(api: Api, query: str, sizes: Sequence[int], *, forwards: bool, **variables: Any) -> list[str]:
    """Every id on the way from one end to the other; checks what each page says on its way."""
    seen: list[str] = []
    cursor, more, pages = None, True, iter(sizes * 2)
    while more:
        size = next(pages)
        paging = {"first": size, "after": cursor} if forwards else {"last": size, "before": cursor}
        data = await api.data(query, **paging, **variables)
        page = (data.get("customer") or data)["orders"]
        ids, info = [node["id"] for node in page["nodes"]], page["pageInfo"]
        cursors = [edge["cursor"] for edge in page["edges"]]
        ahead, behind = info["hasNextPage"], info["hasPreviousPage"]
        more, back = (ahead, behind) if forwards else (behind, ahead)

        assert ids == [edge["node"]["id"] for edge in page["edges"]]
        assert (cursors[:1] or [None], cursors[-1:] or [None]) == ([info["startCursor"]], [info["endCursor"]])
        assert len(ids) == size or not more
        assert back == (cursor is not None)
        seen = [*seen, *ids] if forwards else [*ids, *seen]
        cursor = info["endCursor"] if forwards else info["startCursor"]
    return seen


@settings(
    max_examples=30,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(moments=MOMENTS, sizes=SIZES, forwards=st.booleans())
async def test_paging_shows_every_row_once(
    database: Database,
    api: Api,
    moments: list[tuple[int, int]],
    sizes: list[int],
    forwards: bool,
) -> None:
    """At the root and below each of two customers, forwards and backwards, with pages of any size."""
    found = await database.reader().fetch(models.customers.select())
    owners = [Customer(*row) for row in found] or [await create_customer(database) for _ in range(2)]
    expected = await fill(database, owners, moments)

    walked = {0: await walk(api, AT_ROOT, sizes, forwards=forwards)}
    for owner in owners:
        walked[owner.id] = await walk(api, NESTED, sizes, forwards=forwards, id=global_id(owner))

    assert expected == walked
