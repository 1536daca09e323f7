"""Reads with the driver's own cursor: no checkout, the pool's bounds, and nothing lost when they fail."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.engine.compiled_sql import BoundStatement
from db.engine.database import Database
from db.engine.direct_reads import ReadPool
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from tests.db.test_query_cancellation import slow
from tests.factories import create_customer
from tests.shared_tidb import Statements

ONE = BoundStatement("SELECT 1", ())


@pytest.fixture
async def single(database_url: str) -> AsyncIterator[Database]:
    """A pool of one connection, which is waited for a long time."""
    async with Database(DatabaseUrl.parse(database_url), Limits(pool_size=1, pool_timeout=60)) as database:
        yield database


def pool_of(database: Database) -> ReadPool:
    return cast(ReadPool, database.reads.pool)


async def answer(database: Database) -> list[tuple[int, ...]]:
    async with asyncio.timeout(20):
        return [tuple(row) for row in await database.reader().fetch(ONE)]


async def test_a_read_checks_nothing_out(database: Database, statements: Statements) -> None:
    """SQLAlchemy makes the connection, and sees each statement."""
    customer = await create_customer(database)
    checkouts: list[object] = []
    await answer(database)
    sa.event.listen(database.reads.sync_engine, "checkout", lambda *_: checkouts.append(1))
    statements.clear()
    for _ in range(3):
        assert [customer] == await customers.get_many(database.reader(), "id", [customer.id])

    assert [] == checkouts
    assert 3 == len(statements)


async def test_more_readers_than_connections_all_get_answers(single: Database) -> None:
    """They wait for the one connection, and no other one is made."""
    made: list[object] = []
    await answer(single)
    sa.event.listen(single.reads.sync_engine, "connect", lambda *_: made.append(1))
    answers = await asyncio.gather(*(answer(single) for _ in range(20)))

    assert [[(1,)]] * 20 == answers
    assert [] == made
    assert 0 == pool_of(single).checkedout()


async def test_a_waiter_that_is_cancelled_with_its_connection_loses_none(single: Database) -> None:
    """It is woken and cancelled in the same turn of the event loop."""
    await answer(single)
    pool = pool_of(single)
    entry = pool.take()
    assert entry is not None
    waiting = [asyncio.create_task(answer(single)) for _ in range(2)]
    await asyncio.sleep(0.05)
    pool.give_back(entry)
    waiting[0].cancel()
    await asyncio.wait(waiting[:1])

    assert [(1,)] == await waiting[1]
    assert [(1,)] == await answer(single)
    assert 0 == pool.checkedout()


async def test_the_loss_of_a_connection_wakes_a_waiter(single: Database) -> None:
    """It gets a new one in its place."""
    await answer(single)
    running = asyncio.create_task(single.reader().fetch(BoundStatement(str(slow(single)), ())))
    await asyncio.sleep(0.2)
    waiting = asyncio.create_task(answer(single))
    await asyncio.sleep(0.05)
    running.cancel()

    assert [(1,)] == await waiting
    assert 0 == pool_of(single).checkedout()


async def test_an_error_of_the_server_leaves_the_connection(single: Database) -> None:
    """It is not lost, so no other one is made; the error has no values in it."""
    made: list[object] = []
    await answer(single)
    sa.event.listen(single.reads.sync_engine, "connect", lambda *_: made.append(1))
    with pytest.raises(errors.SchemaMismatch) as raised:
        await single.reader().fetch(BoundStatement("SELECT missing FROM customers", ()))

    assert [(1,)] == await answer(single)
    assert [] == made
    assert isinstance(raised.value.__cause__, sa.exc.DBAPIError)
    assert "[SQL: SELECT missing" in str(raised.value.__cause__)


async def test_a_read_that_is_abandoned_leaves_no_response(single: Database) -> None:
    """A coroutine that is closed while it waits for rows: the next read gets its own, not those."""
    await answer(single)
    abandoned: Any = single.reader().fetch(BoundStatement("SELECT 2", ()))
    abandoned.send(None)
    abandoned.close()

    assert [[(1,)]] * 3 == [await answer(single) for _ in range(3)]
