"""TiDB killed and started again while readers and writers are at work."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.reader import Transaction
from tests.factories import create_customer
from tests.tidb.server import DURABLE, TidbServer

pytestmark = pytest.mark.tidb


@pytest.fixture(scope="module")
def server(own_tidb: type[TidbServer]) -> Iterator[TidbServer]:
    """One to kill."""
    with own_tidb(config=DURABLE) as server:
        yield server


@pytest.fixture(params=["asyncmy", "aiomysql"])
async def mortal(request: pytest.FixtureRequest, server: TidbServer) -> AsyncIterator[Database]:
    """A migrated database on it, with each driver."""
    url = f"mysql+{request.param}://root@127.0.0.1:{server.port}/mortal"
    async with Database(DatabaseUrl.parse(url), Limits(pool_size=8)) as database:
        await migrate.upgrade(database)
        yield database


class Load:
    """Does the same thing again and again: how often it worked, and how it failed otherwise."""

    def __init__(self, act: Callable[[], Awaitable[Any]]) -> None:
        self.done = 0
        self.failures: list[type[errors.DatabaseError]] = []
        self.under_way, self.ended = asyncio.Event(), asyncio.Event()
        self._act = act
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while not self.ended.is_set():
            try:
                await self._act()
                self.done += 1
                self.under_way.set()
            except errors.DatabaseError as error:
                self.failures.append(type(error))
                await asyncio.sleep(0.02)

    async def end(self) -> None:
        self.ended.set()
        await self._task


async def _restart_under(loads: list[Load], server: TidbServer) -> None:
    await asyncio.gather(*(load.under_way.wait() for load in loads))
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await asyncio.gather(*(load.end() for load in loads))


async def test_readers_get_no_error_once_it_is_back(mortal: Database, server: TidbServer) -> None:
    """While it is away every failure is Unavailable; afterwards no dead connection shows."""
    read = sa.text("SELECT COUNT(*) FROM customers")
    loads = [Load(lambda: mortal.reader().fetch(read)) for _ in range(8)]
    await _restart_under(loads, server)
    failures = {failure for load in loads for failure in load.failures}
    answers = await asyncio.gather(*(mortal.reader().fetch(read) for _ in range(20)))

    assert {errors.Unavailable} == failures
    assert 20 == len(answers)


async def test_a_restart_between_reads_costs_no_error(mortal: Database, server: TidbServer) -> None:
    """The whole pool is dead, and nobody noticed in the meantime."""
    read = sa.text("SELECT COUNT(*) FROM customers")
    await asyncio.gather(*(mortal.reader().fetch(read) for _ in range(8)))
    customer = await create_customer(mortal)
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    answers = await asyncio.gather(*(mortal.reader().fetch(read) for _ in range(20)))
    changed = await mortal.write(lambda transaction: customers.archive(transaction, customer.id))

    assert 20 == len(answers)
    assert 2 == changed.version


async def test_nothing_is_written_twice_across_a_restart(mortal: Database, server: TidbServer) -> None:
    """Every change that was acknowledged is stored once; one of unknown outcome once or never."""
    rows = [await create_customer(mortal) for _ in range(8)]

    def change(customer_id: int) -> Callable[[], Awaitable[Any]]:
        numbers = itertools.count()

        async def work(transaction: Transaction) -> None:
            await customers.update(transaction, customer_id, {"name": f"Name {next(numbers)}"})

        return lambda: mortal.write(work)

    loads = [Load(change(row.id)) for row in rows]
    await _restart_under(loads, server)
    stored = {row.id: row for row in await customers.get_many(mortal.reader(), "id", [r.id for r in rows])}

    assert any(load.failures for load in loads)
    for row, load in zip(rows, loads, strict=True):
        assert {errors.Unavailable, errors.OutcomeUnknown} >= set(load.failures)
        unknown = load.failures.count(errors.OutcomeUnknown)
        assert load.done <= stored[row.id].version - 1 <= load.done + unknown
