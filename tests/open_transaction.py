"""A transaction that stays open after its work, so that other transactions meet its locks."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import sqlalchemy as sa

from db.engine.database import Database
from db.reader import Transaction

T = TypeVar("T")


@asynccontextmanager
async def open_transaction(
    database: Database, work: Callable[[Transaction], Awaitable[Any]]
) -> AsyncIterator[None]:
    """Commit `work` when the block ends."""
    done, released = asyncio.Event(), asyncio.Event()

    async def hold(transaction: Transaction) -> None:
        await work(transaction)
        done.set()
        await released.wait()

    holding = asyncio.create_task(database.write(hold))
    await done.wait()
    yield
    released.set()
    await holding


async def overtaken(
    database: Database,
    work: Callable[[Transaction], Awaitable[Any]],
    request: Callable[[], Awaitable[T]],
) -> T:
    """What `request` comes to that began before `work` was committed and waited for its locks; on TiDB."""
    sent = asyncio.Event()

    def see(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if "FOR UPDATE" in statement:
            sent.set()

    async with open_transaction(database, work):
        sa.event.listen(database.writes.sync_engine, "before_cursor_execute", see)
        waiting = asyncio.ensure_future(request())
        await sent.wait()
        sa.event.remove(database.writes.sync_engine, "before_cursor_execute", see)
        # Let it arrive.
        await asyncio.sleep(0.05)
    return await waiting
