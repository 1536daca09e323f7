"""One request's share of the pool: half of it, so that others are answered meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from db import errors
from db.audit.author import Author
from db.engine import pools
from db.engine.database import Database
from db.engine.drivers import AiosqliteConnection
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.reader import Transaction
from tests.api import Api
from tests.conftest import on_sqlite, on_tidb
from tests.db.test_query_cancellation import slow

ONE = sa.text("SELECT 1")


@pytest.fixture(params=[4])
async def small(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Database]:
    """A pool of four connections, or of another number."""
    limits = Limits(pool_size=request.param, pool_timeout=20)
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        yield database


@pytest.fixture
def held(small: Database) -> list[int]:
    """At each statement, how many connections are in use."""
    numbers: list[int] = []
    pool = small.reads.pool
    sa.event.listen(
        small.reads.sync_engine,
        "before_cursor_execute",
        lambda *_: numbers.append(pool.checkedout()),  # type: ignore[attr-defined]
    )
    return numbers


async def test_a_reader_holds_half_of_the_pool(small: Database, held: list[int]) -> None:
    """However many statements wait, no more run at a time, and all of them get their turn."""
    reader = small.reader()
    await asyncio.gather(*(reader.fetch(ONE) for _ in range(20)))

    assert 20 == len(held)
    assert 2 == max(held)


@pytest.mark.parametrize("small", [1], indirect=True)
async def test_a_pool_of_one_is_not_halved(small: Database, held: list[int]) -> None:
    """A reader always has one."""
    reader = small.reader()
    await asyncio.gather(*(reader.fetch(ONE) for _ in range(3)))

    assert [1] * 3 == held


@on_tidb
async def test_reading_the_past_has_the_same_share(small: Database, held: list[int]) -> None:
    """As of whichever moment, it is one request."""
    reader = small.reader()
    past = [reader.as_of(datetime.now(UTC) - timedelta(milliseconds=each)) for each in range(10)]
    count = sa.select(sa.func.count()).select_from(sa.text("customers"))
    await asyncio.gather(*(each.fetch(count) for each in (reader, *past)), return_exceptions=True)

    assert 11 == len(held)
    assert 2 == max(held)


async def test_others_are_answered_while_one_request_waits(small: Database) -> None:
    """Its slow statements leave connections for everybody else."""
    reader = small.reader()
    waiting = [asyncio.create_task(reader.fetch(slow(small))) for _ in range(6)]
    await asyncio.sleep(0.3)
    rows = await asyncio.gather(*(small.reader().fetch(ONE) for _ in range(6)))
    unfinished = [not each.done() for each in waiting]
    for each in waiting:
        each.cancel()
    await asyncio.wait(waiting)

    assert [[(1,)]] * 6 == [[tuple(row) for row in found] for found in rows]
    assert [True] * 6 == unfinished


async def test_a_request_of_many_counts_has_the_same_share(small: Database, held: list[int]) -> None:
    """One statement for each limit, and two at a time."""
    counts = " ".join(f"a{limit}: totalCount(limit: {limit}) {{ value }}" for limit in range(1, 21))
    async with Api.of(small) as api:
        await api.data(f"{{ orders {{ {counts} }} }}")

    assert 20 == len(held)
    assert 2 == max(held)


@on_sqlite
async def test_callers_take_turns_at_the_one_writer_of_sqlite(small: Database) -> None:
    """However many writes of one caller wait, the next one of another is behind one of them at most."""
    done: list[str] = []

    async def write(principal: str) -> None:
        async def work(transaction: Transaction) -> None:
            await transaction.fetch(ONE)
            done.append(principal)

        await small.write(work, author=Author(principal))

    await asyncio.gather(*(write("many") for _ in range(20)), write("one"), write("another"))

    assert ["many", "one", "another"] == done[:3]
    assert 22 == len(done)


@on_sqlite
async def test_a_caller_who_waits_too_long_for_its_own_writes_gets_a_conflict(database_url: str) -> None:
    """As whoever waits too long for those of others."""
    limits = Limits(lock_timeout=0.1)
    async with Database(DatabaseUrl.parse(database_url), limits) as database:

        async def work(_transaction: Transaction) -> None:
            for principal in ("one", "another"):
                with pytest.raises(errors.Conflict):
                    await database.write(no_work, author=Author(principal))

        async def no_work(_transaction: Transaction) -> None: ...

        await database.write(work, author=Author("one"))


@on_sqlite
async def test_idle_connections_are_closed_at_the_same_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each may take a second to close if its packets are dropped."""
    count = 4
    async with AsyncExitStack() as stack:
        for _ in range(count):
            connection = await stack.enter_async_context(database.reads.connect())
            await connection.execute(sa.text("SELECT 1"))
    close, closing = AiosqliteConnection.close, asyncio.Barrier(count)

    async def together(connection: AiosqliteConnection) -> None:
        await closing.wait()
        await close(connection)

    monkeypatch.setattr(AiosqliteConnection, "close", together)
    async with asyncio.timeout(10):
        await pools.dispose(database.reads)

    assert 0 == database.reads.pool.checkedin()  # type: ignore[attr-defined]
