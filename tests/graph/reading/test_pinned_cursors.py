"""Cursors of pinned pages: what the moment in one means to asOf, and to pages that are not pinned."""

from functools import partial

from db import orders
from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.db.test_stale_reads import on_tidb
from tests.graph.reading.test_snapshots import NESTED, WALK, store


@on_tidb
async def test_without_the_argument_a_pinned_cursor_reads_the_present(database: Database, api: Api) -> None:
    """The cursor only names a place; the argument says as of when."""
    _, stored = await store(database, 3)
    page = (await api.data(WALK, first=1, snapshot="PINNED"))["orders"]
    await database.write(partial(orders.delete, order_id=stored[1].id))
    later = (await api.data(WALK, after=page["pageInfo"]["endCursor"]))["orders"]

    assert [GlobalId("Order", stored[2].id).encode()] == [order["id"] for order in later["nodes"]]
    assert later["pageInfo"]["snapshot"] is None


@on_tidb
async def test_as_of_pins_to_its_own_moment(database: Database, api: Api) -> None:
    """A page with both shows the moment of asOf; a cursor of another moment is refused."""
    _, stored = await store(database, 3)
    early = (await api.data(WALK, first=1, snapshot="PINNED"))["orders"]["pageInfo"]
    await database.write(partial(orders.delete, order_id=stored[1].id))
    moment = (await api.data(WALK, first=1, snapshot="PINNED"))["orders"]["pageInfo"]["snapshot"]["at"]
    both = {"snapshot": "PINNED", "asOf": early["snapshot"]["at"], "first": 1}
    page = (await api.data(WALK, **both, after=early["endCursor"]))["orders"]

    assert {"at": early["snapshot"]["at"], "pinned": True} == page["pageInfo"]["snapshot"]
    assert [GlobalId("Order", stored[1].id).encode()] == [order["id"] for order in page["nodes"]]
    assert "BAD_USER_INPUT" == await api.code(WALK, **{**both, "asOf": moment}, after=early["endCursor"])


@on_tidb
async def test_a_pinned_cursor_stays_bound_to_its_field(database: Database, api: Api) -> None:
    """The moment in it changes nothing of what it is bound to."""
    await store(database, 2)
    cursor = (await api.data(WALK, first=1, snapshot="PINNED"))["orders"]["pageInfo"]["endCursor"]

    assert "BAD_USER_INPUT" == await api.code(NESTED, after=cursor, snapshot="PINNED")
    assert "BAD_USER_INPUT" == await api.code(WALK, after=cursor[:-2], snapshot="PINNED")
