"""One caller's statements leave something of the pool for everybody else's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import sqlalchemy as sa

from db import errors
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pool_quota import PoolQuota
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from tests.db.test_query_cancellation import slow

ONE = sa.text("SELECT 1")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Five connections to read with."""

    limits = Limits(pool_size=5, pool_timeout=20)
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        yield database


async def test_a_greedy_caller_leaves_a_fifth_of_the_pool(database: Database) -> None:
    """However many slow statements one caller has, another's is answered meanwhile, and so is a probe."""
    greedy = [
        asyncio.create_task(database.reader(Deadline.after(60), caller="greedy").fetch(slow(database)))
        for _ in range(20)
    ]
    await asyncio.sleep(0.5)
    async with asyncio.timeout(5):
        others = await database.reader(caller="ada").fetch(ONE)
        probe = await database.reader().fetch(ONE)
    for task in greedy:
        task.cancel()
    ended = await asyncio.gather(*greedy, return_exceptions=True)

    assert [(1,)] == others == probe
    assert 20 == sum(isinstance(each, asyncio.CancelledError) for each in ended)


@pytest.mark.parametrize(("size", "most"), [(1, 1), (2, 1), (5, 4), (10, 8), (100, 80)])
async def test_a_caller_has_all_but_a_fifth(size: int, most: int) -> None:
    """One connection at least, also of a pool of one."""
    shares = PoolQuota(size, 0.01)
    async with AsyncExitStack() as held:
        for _ in range(most):
            await held.enter_async_context(shares.slot("ada"))
        with pytest.raises(errors.PoolExhausted):
            async with shares.slot("ada"):
                pass
        async with shares.slot("bob"), shares.slot(None):
            pass
    async with shares.slot("ada"):
        pass
