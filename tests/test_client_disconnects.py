"""Clients that hang up on a real server: what ran for them ends in the database, and mutations do not."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.models import customers
from graph.global_ids import GlobalId
from tests.conftest import KINDS
from tests.db.test_query_cancellation import ENDLESS
from tests.factories import create_customer, global_id
from tests.processes import Serving, Spawn

PATIENCE = 20
# Three statements at a time.
SLOW = """
query ($id: ID!) {
  a: history(node: $id, first: 1) { nodes { at } }
  b: history(node: $id, first: 2) { nodes { at } }
  c: history(node: $id, first: 3) { nodes { at } }
}
"""
UPDATE = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) { customer { name version } userErrors { code } }
}
"""


@pytest.fixture
async def slow(new_url: str) -> AsyncIterator[Database]:
    """A database in which no history is found, however long one waits."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        await create_customer(database, username="ada", name="Ada")
        never = f"({ENDLESS}) < 0" if database.url.is_sqlite else "SLEEP(300) > 0"
        async with database.writes.connect() as connection:
            # The server requires no index of this table, so a view can take its place.
            await connection.exec_driver_sql("ALTER TABLE history RENAME TO other_history")
            await connection.exec_driver_sql(
                f"CREATE VIEW history AS SELECT * FROM other_history WHERE {never}"
            )
            await connection.commit()
        yield database


async def send(serving: Serving, query: str, **variables: Any) -> asyncio.StreamWriter:
    """Send a request by a connection of its own, and read nothing."""
    body = json.dumps({"query": query, "variables": variables})
    _, writer = await asyncio.open_connection("127.0.0.1", int(serving.url.rpartition(":")[2]))
    head = f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
    writer.write(f"{head}\r\nContent-Type: application/json\r\n\r\n{body}".encode())
    await writer.drain()
    return writer


async def ada(database: Database) -> str:
    (row,) = await database.reader().fetch(sa.select(customers.c.id))
    return GlobalId("Customer", row.id).encode()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    await writer.wait_closed()


async def running(database: Database) -> list[str]:
    """The statements on the history that the database runs at this moment; SQLite keeps no list."""
    async with database.reads.connect() as connection:
        rows = await connection.exec_driver_sql("SHOW FULL PROCESSLIST")
        return [row.Info for row in rows if row.db == database.url.database and "history" in str(row.Info)]


async def become(database: Database, count: int, seconds: float) -> None:
    """Wait until so many statements run. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while count != len(await running(database)):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_query_ends_with_its_client(slow: Database, new_url: str, spawn: Spawn) -> None:
    """Within a second none of its statements runs in TiDB, and all connections serve others again."""
    settings = {"pool_size": "6", "pool_timeout": "5", "request_timeout": "60"}
    serving = await asyncio.to_thread(spawn.serve, database_url=new_url, **settings)
    for _ in range(2):
        client = await send(serving, SLOW, id=await ada(slow))
        if slow.url.is_sqlite:
            await asyncio.sleep(0.5)
        else:
            await become(slow, 3, PATIENCE)
        await hang_up(client)
        if not slow.url.is_sqlite:
            await become(slow, 0, 1)
    others = [asyncio.to_thread(serving.post, '{ order(by: {reference: "R-1"}) { id } }') for _ in range(6)]
    started = time.monotonic()
    answers = await asyncio.gather(*others)

    assert [{"data": {"order": None}}] * 6 == answers
    assert time.monotonic() - started < 5
    # It was told of nothing that went wrong.
    assert 1 == len(serving.output.splitlines())


async def test_a_query_by_url_ends_with_its_client(slow: Database, new_url: str, spawn: Spawn) -> None:
    """The body of a GET, which nobody reads, is no sign of life."""
    settings = {"pool_size": "1", "pool_timeout": "5", "request_timeout": "60"}
    serving = await asyncio.to_thread(spawn.serve, database_url=new_url, **settings)
    _, writer = await asyncio.open_connection("127.0.0.1", int(serving.url.rpartition(":")[2]))
    target = f"/graphql?query=%7Bhistory(node:%22{await ada(slow)}%22)%7Bnodes%7Bat%7D%7D%7D"
    writer.write(f"GET {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody".encode())
    await writer.drain()
    await asyncio.sleep(0.5)
    await hang_up(writer)
    answer = await asyncio.to_thread(serving.post, '{ order(by: {reference: "R-1"}) { id } }')

    assert {"data": {"order": None}} == answer


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_a_mutation_outlives_its_client(database_url: str, database: Database, spawn: Spawn) -> None:
    """Whoever hangs up cannot know whether it was stored, so it is."""
    customer = await create_customer(database)
    limits = {"lock_timeout": "25", "request_timeout": "60"}
    serving = await asyncio.to_thread(spawn.serve, database_url=database_url, **limits)
    async with database.writes.connect() as other:
        await other.execute(customers.update().values(version=7))
        client = await send(serving, UPDATE, input={"id": global_id(customer), "name": "Ada"})
        await asyncio.sleep(0.5)
        await hang_up(client)
        await asyncio.sleep(0.5)
        await other.rollback()
    async with asyncio.timeout(PATIENCE):
        while "Ada" not in await names(database):  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def names(database: Database) -> list[str]:
    return [row.name for row in await database.reader().fetch(sa.select(customers.c.name))]
