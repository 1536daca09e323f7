"""Stops on the server what nobody waits for any more: a cancelled request, a deadline that is over."""

import asyncio
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from db.engine import pools
from db.engine.connection_health import ConnectionHealth
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.errors import ResponseTooLarge

# How long the server may take to accept a KILL.
PATIENCE = 5.0


class QueryCancellation:
    """Ends the statement of every connection that was cancelled under it.

    Such a connection is closed and in no pool any more, and TiDB gives no connection id out twice, so that
    nobody else's statement can be meant.
    """

    def __init__(self, url: DatabaseUrl, limits: Limits, health: ConnectionHealth) -> None:
        # One of its own: when all others are busy with slow statements, this one must be free.
        self._engine = None if url.is_sqlite else pools.single(url, limits)
        if self._engine is not None:
            health.watch(self._engine, always_ping=True)
        self._stopping: set[asyncio.Task[None]] = set()

    def watch(self, engine: AsyncEngine) -> None:
        sa.event.listen(engine.sync_engine, "invalidate", self._stop)

    async def close(self) -> None:
        """Wait for what is being stopped."""
        await asyncio.gather(*self._stopping)
        if self._engine is not None:
            await self._engine.dispose()

    def _stop(self, connection: Any, _record: object, error: BaseException | None) -> None:
        # SQLite's statements run in this process: closing the connection interrupts them.
        if self._engine is None or not isinstance(error, asyncio.CancelledError | ResponseTooLarge):
            return
        stopping = asyncio.ensure_future(_kill(self._engine, connection.driver_connection.thread_id()))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)


async def _kill(engine: AsyncEngine, connection_id: int) -> None:
    try:
        async with asyncio.timeout(PATIENCE), engine.connect() as connection:
            await connection.exec_driver_sql(f"KILL QUERY {int(connection_id)}")
    except (sa.exc.SQLAlchemyError, TimeoutError):
        # The statement has ended by itself, or with the server.
        return
