"""The pools when connections are busy, dead, slow or given up: a coded answer, and a clean pool after it."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.database import Database
from db.deadline import Deadline
from db.engines import Limits
from db.reader import Transaction
from db.urls import DatabaseUrl
from tests.conftest import on_tidb
from tests.factories import create_customer
from tests.faults.proxy import TidbProxy

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000000) "
SLOW = {"sqlite": f"{ENDLESS} SELECT MAX(x) FROM n", "mysql": "SELECT SLEEP(60)"}


def _slow(database: Database) -> sa.TextClause:
    return sa.text(SLOW[database.reads.dialect.name])


async def _answer(database: Database, number: int) -> list[Any]:
    return [row[0] for row in await database.reader().fetch(sa.text(f"SELECT {number}"))]


@asynccontextmanager
async def _held(database: Database, count: int) -> AsyncIterator[None]:
    """Keep `count` connections of the readers' pool in use."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(database.reads.connect())
        yield


async def test_a_read_waits_for_a_connection_no_longer_than_it_may(database_url: str) -> None:
    """It fails with a code of its own, and the next one finds the connection that came back."""
    limits = Limits(pool_size=2, pool_timeout=0.2)
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        async with _held(database, 2):
            started = time.monotonic()
            with pytest.raises(errors.PoolExhausted):
                await _answer(database, 7)
            waited = time.monotonic() - started

        assert 0.2 <= waited < 10
        assert [7] == await _answer(database, 7)


async def test_a_write_waits_for_a_connection_no_longer_than_it_may(database_url: str) -> None:
    """The work of a write that got none never ran. On SQLite, waiting for it is waiting for a lock."""
    limits = Limits(pool_size=1, pool_timeout=0.2, lock_timeout=0.2)
    error = errors.Conflict if database_url.startswith("sqlite") else errors.PoolExhausted
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        inside, until, runs = asyncio.Event(), asyncio.Event(), []

        async def first(_transaction: Transaction) -> None:
            inside.set()
            await until.wait()

        async def second(_transaction: Transaction) -> None:
            runs.append("second")

        writing = asyncio.create_task(database.write(first))
        await inside.wait()
        with pytest.raises(error):
            await database.write(second)

        assert [] == runs
        until.set()
        await writing
        await database.write(second)
        assert ["second"] == runs


async def test_the_deadline_ends_the_wait_for_a_connection(database_url: str) -> None:
    """When it comes before the pool's own time-out."""
    async with Database(DatabaseUrl.parse(database_url), Limits(pool_size=1, pool_timeout=30)) as database:
        async with _held(database, 1):
            with pytest.raises(errors.DeadlineExceeded):
                await database.reader(Deadline.after(0.1)).fetch(sa.text("SELECT 7"))

        assert [7] == await _answer(database, 7)
        assert 0 == database.reads.pool.checkedout()


async def test_a_slow_read_ends_at_the_deadline(database: Database) -> None:
    """Its connection is given up, and the next answer is the next question's."""
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        await database.reader(Deadline.after(0.2)).fetch(_slow(database))
    took = time.monotonic() - started

    assert 0.2 <= took < 10
    assert [7, 8] == await _answer(database, 7) + await _answer(database, 8)
    assert 0 == database.reads.pool.checkedout()


async def test_a_slow_statement_of_a_write_ends_at_the_deadline(database_url: str) -> None:
    """The transaction is rolled back and holds nothing: another one changes the row at once."""
    async with Database(DatabaseUrl.parse(database_url), Limits(lock_timeout=60)) as database:
        customer = await create_customer(database, name="Old")

        async def slow(transaction: Transaction) -> None:
            await customers.update(transaction, customer.id, {"name": "Never"})
            await transaction.fetch(_slow(database))

        started = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            await database.write(slow, Deadline.after(0.5))
        changed = await database.write(
            lambda transaction: customers.update(transaction, customer.id, {"name": "New"})
        )

    assert time.monotonic() - started < 20
    assert ("New", 2) == (changed.name, changed.version)


async def test_a_cancelled_read_leaves_a_clean_pool(database: Database) -> None:
    """A client that goes away costs one connection, which is replaced."""
    running = asyncio.Event()
    sa.event.listen(database.reads.sync_engine, "before_cursor_execute", lambda *_: running.set())
    reading = asyncio.create_task(database.reader().fetch(_slow(database)))
    await running.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert 0 == database.reads.pool.checkedout()
    assert [7] == await _answer(database, 7)


async def test_a_cancelled_write_leaves_no_trace(database_url: str) -> None:
    """Neither a change nor a lock."""
    async with Database(DatabaseUrl.parse(database_url), Limits(lock_timeout=60)) as database:
        customer = await create_customer(database, name="Old")
        changed = asyncio.Event()

        async def change_and_stop(transaction: Transaction) -> None:
            await customers.update(transaction, customer.id, {"name": "Never"})
            changed.set()
            await asyncio.Event().wait()

        writing = asyncio.create_task(database.write(change_and_stop))
        await changed.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        async with asyncio.timeout(20):
            after = await database.write(lambda transaction: customers.lock(transaction, customer.id))

        assert customer == after
        assert 0 == database.writes.pool.checkedout()


@on_tidb
async def test_reads_on_dead_connections_run_again_on_fresh_ones(proxied: Database, proxy: TidbProxy) -> None:
    """However many of the pool's connections died, no reader gets an error."""
    async with _held(proxied, 3):
        pass
    proxy.clear()
    proxy.cut()
    answers = await asyncio.gather(*(_answer(proxied, number) for number in range(5)))

    assert [[number] for number in range(5)] == answers
    assert 0 < proxy.connections <= 10


@on_tidb
async def test_a_read_that_loses_its_answer_is_asked_again(proxied: Database, proxy: TidbProxy) -> None:
    """Once: a database that goes away twice is not available."""
    proxy.drop_answer("SELECT 7")
    assert [7] == await _answer(proxied, 7)

    proxy.drop_answer("SELECT 8", times=2)
    with pytest.raises(errors.Unavailable):
        await _answer(proxied, 8)

    asked = [statement for statement in proxy.statements if statement in {"SELECT 7", "SELECT 8"}]
    assert ["SELECT 7", "SELECT 7", "SELECT 8", "SELECT 8"] == asked


@on_tidb
async def test_a_database_that_is_away_is_unavailable_until_it_is_back(
    proxied: Database, proxy: TidbProxy
) -> None:
    """Reads and writes fail with a code, and need no restart of ours."""
    assert [7] == await _answer(proxied, 7)
    proxy.refuse(True)
    proxy.cut()
    with pytest.raises(errors.Unavailable):
        await _answer(proxied, 7)
    with pytest.raises(errors.Unavailable):
        await create_customer(proxied)
    proxy.refuse(False)

    assert [7] == await _answer(proxied, 7)
    assert 1 == (await create_customer(proxied)).version


@on_tidb
async def test_a_stalled_database_costs_no_more_than_the_deadline(
    proxied: Database, proxy: TidbProxy
) -> None:
    """Also where a new connection gets no greeting; and a late answer is nobody's."""
    await _answer(proxied, 1)
    proxy.stall()
    started = time.monotonic()
    for number in (2, 3):
        with pytest.raises(errors.DeadlineExceeded):
            await proxied.reader(Deadline.after(0.2)).fetch(sa.text(f"SELECT {number}"))
    with pytest.raises(errors.DeadlineExceeded):
        await proxied.write(lambda transaction: transaction.fetch(sa.text("SELECT 4")), Deadline.after(0.2))
    took = time.monotonic() - started
    proxy.resume()

    assert took < 10
    assert [[5], [6]] == await asyncio.gather(_answer(proxied, 5), _answer(proxied, 6))
    assert 0 == proxied.reads.pool.checkedout() + proxied.writes.pool.checkedout()
