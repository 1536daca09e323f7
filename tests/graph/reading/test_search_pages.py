"""Pages of a search: forwards and backwards, their cursors, their limit and what they cost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.models import Customer
from db.models import customers as customers_table
from db.search import customer_search as searching
from db.search import search_index
from tests.api import Api
from tests.factories import create_customer
from tests.graph.reading.test_search import SEARCH
from tests.shared_tidb import Statements

PAGE = """
query ($search: String, $first: Int, $after: String, $last: Int, $before: String) {
  customers(search: $search, first: $first, after: $after, last: $last, before: $before) {
    edges { cursor node { username } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    bestFirst
  }
}
"""
YEAR_BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


async def page(api: Api, search: str, **variables: Any) -> Any:
    return (await api.data(PAGE, search=search, **variables))["customers"]


def usernames(page: Any) -> list[str]:
    return [edge["node"]["username"] for edge in page["edges"]]


async def create_many(database: Database, count: int, name: str) -> None:
    """Customers n-0, n-1, … with one name, each a second newer than the one before."""
    rows = [
        {
            "username": f"n-{number}",
            "name": name,
            "email": None,
            "version": 1,
            "created_at": YEAR_BEGIN + timedelta(seconds=number),
            "updated_at": YEAR_BEGIN,
            "archived_at": None,
        }
        for number in range(count)
    ]

    async def write(transaction: Any) -> None:
        for start in range(0, count, 500):
            await transaction.execute(customers_table.insert(), rows[start : start + 500])
        stored = await transaction.fetch(sa.select(*customers_table.c))
        await search_index.insert(transaction, [Customer._make(row) for row in stored])

    await database.write(write)


async def test_walks_both_ways(database: Database, api: Api) -> None:
    """Pages forwards and backwards show every match once, best first, and know what is around them."""
    for number in range(7):
        await create_customer(database, username=f"x{number}", name="Ann" if number % 3 == 0 else "Anna")
    order = ["x6", "x3", "x0", "x5", "x4", "x2", "x1"]
    forwards = [await page(api, "ann", first=3)]
    while forwards[-1]["pageInfo"]["hasNextPage"] and len(forwards) < 9:
        forwards.append(await page(api, "ann", first=3, after=forwards[-1]["pageInfo"]["endCursor"]))
    backwards = [await page(api, "ann", last=3)]
    while backwards[-1]["pageInfo"]["hasPreviousPage"] and len(backwards) < 9:
        backwards.append(await page(api, "ann", last=3, before=backwards[-1]["pageInfo"]["startCursor"]))

    assert [order[:3], order[3:6], order[6:]] == [usernames(each) for each in forwards]
    assert [order[4:], order[1:4], order[:1]] == [usernames(each) for each in backwards]
    assert [False, True, True] == [each["pageInfo"]["hasPreviousPage"] for each in forwards]
    assert [False, True, True] == [each["pageInfo"]["hasNextPage"] for each in backwards]


async def test_cursors_are_bound_to_the_search(database: Database, api: Api) -> None:
    """A cursor of another search, or of none, is refused; one of an equal search is taken."""
    for number in range(3):
        await create_customer(database, username=f"anna-{number}", name="Lind")
    cursor = (await page(api, "anna", first=1))["pageInfo"]["endCursor"]

    assert ["anna-1"] == usernames(await page(api, " ÁNNA", first=1, after=cursor))
    assert "BAD_USER_INPUT" == await api.code(PAGE, search="lind", after=cursor)
    assert "BAD_USER_INPUT" == await api.code(PAGE, search=None, after=cursor)


async def test_past_the_limit_the_newest_come_first(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says so, and a walk stays with the order that it began with."""
    monkeypatch.setattr(searching, "MAX_RANKED", 5)
    await create_many(database, 5, "Anna")
    cursor = (await page(api, "ann", first=2))["pageInfo"]["endCursor"]
    await create_customer(database, username="exact", name="Ann")
    await create_customer(database, username="newest", name="Anna")
    first = await page(api, "ann", first=2)
    second = await page(api, "ann", first=2, after=first["pageInfo"]["endCursor"])
    data = await api.data(SEARCH, search="ann")

    assert [False, ["newest", "exact"]] == [first["bestFirst"], usernames(first)]
    assert [False, ["n-4", "n-3"]] == [second["bestFirst"], usernames(second)]
    assert {"value": 5, "exact": False} == data["customers"]["totalCount"]

    ranked = await page(api, "ann", first=9, after=cursor)

    assert [True, ["n-2", "n-1", "n-0"]] == [ranked["bestFirst"], usernames(ranked)]
    assert "BAD_USER_INPUT" == await api.code(
        PAGE, search="ann", after=cursor, before=first["pageInfo"]["endCursor"]
    )


async def test_ranks_a_thousand(database: Database, api: Api) -> None:
    """A thousand matches are ranked, and one more is one too many."""
    await create_many(database, 999, "Anna Lind")
    await create_customer(database, username="exact", name="Ann")
    data = (await api.data(SEARCH, search="ann"))["customers"]

    assert [True, {"value": 1000, "exact": True}] == [data["bestFirst"], data["totalCount"]]
    assert {"username": "exact"} == data["nodes"][0]


async def test_a_page_costs_few_statements(database: Database, api: Api, statements: Statements) -> None:
    """Two for any number of words, one where a word is nobody's; the number of matches costs nothing."""
    await create_many(database, 20, "Anna Lind")
    counts = []
    for search in ("%%", "anna", "anna lind", "n 1 anna lind", "anna berta"):
        statements.clear()
        await api.data(SEARCH, search=search)
        counts.append(len(statements))

    assert [0, 2, 2, 2, 1] == counts


async def test_a_page_past_the_limit_costs_few_statements(
    database: Database, api: Api, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two for one word, also with too many words to count; a third for several that match too often."""
    monkeypatch.setattr(searching, "MAX_RANKED", 5)
    await create_many(database, 20, "Anna Lind")
    counts = []
    for search in ("n-", "anna", "anna lind"):
        statements.clear()
        assert not (await page(api, search, first=2))["bestFirst"]
        counts.append(len(statements))
    for _ in range(60):
        await create_customer(database, name="Berta")
    statements.clear()
    assert not (await page(api, "berta", first=2))["bestFirst"]
    counts.append(len(statements))

    assert [2, 2, 3, 2] == counts


async def test_matches_are_counted_behind_the_filter(
    database: Database, api: Api, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that where leaves are ranked, however many others have the word."""
    monkeypatch.setattr(searching, "MAX_RANKED", 5)
    await create_many(database, 20, "Anna Lind")
    statements.clear()
    data = await api.data(SEARCH, search="anna", where={"username": {"in": ["n-3", "n-7"]}})

    assert ["n-7", "n-3"] == [node["username"] for node in data["customers"]["nodes"]]
    assert data["customers"]["bestFirst"]
    assert 2 == len(statements)
