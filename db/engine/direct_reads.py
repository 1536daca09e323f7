"""Reads of compiled statements with the driver's own cursor, on connections of SQLAlchemy's pool.

SQLAlchemy makes, checks, recycles and invalidates the connections, and its events see each statement. Its
checkout and its results are skipped: they take longer than most statements.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, ManagesConnection

from db import errors, response_budget
from db.engine.compiled_sql import BoundStatement
from db.engine.connection_health import ConnectionHealth, note_idle
from db.engine.deadline import Deadline
from db.engine.statement_timeout import DEADLINE
from db.response_budget import ResponseBudget


class ReadPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, whose idle connections can also be taken without a checkout."""

    def take(self) -> ConnectionPoolEntry | None:
        """An idle connection that is ready for use; None if SQLAlchemy has to make or replace one."""
        try:
            entry = self._pool.get(block=False)
        except sa.util.queue.Empty:
            return None
        if self._is_ready(entry):
            return entry
        self.give_back(entry)
        return None

    def give_back(self, entry: ConnectionPoolEntry) -> None:
        """Wakes the first of those who wait for a connection."""
        self._do_return_conn(entry)

    def invalidate_all(self) -> None:
        """Have every connection replaced before its next use."""
        self._invalidate_time = time.time()

    def _is_ready(self, entry: Any) -> bool:
        is_old = self._recycle > -1 and time.time() - entry.starttime > self._recycle
        return not is_old and not entry._is_hard_or_soft_invalidated()


@dataclass(slots=True)
class Execution:
    """What listeners of SQLAlchemy's cursor events get as their context."""

    execution_options: dict[str, Any]
    # How many rows were fetched, once they are.
    rowcount: int = -1


class DirectReads:
    """Runs statements on an engine whose pool is a ReadPool; `health` is None where no connection can die."""

    def __init__(self, engine: AsyncEngine, health: ConnectionHealth | None) -> None:
        self._engine = engine
        self._dialect = engine.dialect
        self._dispatch: Any = engine.sync_engine.dispatch
        self._health = health
        self._fetch_all = _fetch_all_sqlite if engine.dialect.name == "sqlite" else _fetch_all_mysql

    async def fetch(
        self, statement: BoundStatement, deadline: Deadline, budget: ResponseBudget
    ) -> Sequence[Any]:
        """The driver's rows. Raises SQLAlchemy's errors and ResponseTooLarge."""
        budget.check()
        # The engine has another pool once it was disposed of.
        pool = cast(ReadPool, self._engine.pool)
        entry = pool.take()
        if entry is None:
            return await self._fetch_checked_out(statement, deadline, budget)
        if self._health and not self._health.is_trusted(entry):
            pool.give_back(entry)
            return await self._fetch_checked_out(statement, deadline, budget)
        try:
            return await self._fetch(entry, statement, deadline, budget)
        finally:
            note_idle(None, entry)
            pool.give_back(entry)

    async def _fetch_checked_out(
        self, statement: BoundStatement, deadline: Deadline, budget: ResponseBudget
    ) -> Sequence[Any]:
        """The same by a checkout: SQLAlchemy waits for a connection, checks it, or makes one."""
        async with self._engine.connect() as connection:
            return await self._fetch(await connection.get_raw_connection(), statement, deadline, budget)

    async def _fetch(
        self, pooled: ManagesConnection, statement: BoundStatement, deadline: Deadline, budget: ResponseBudget
    ) -> Sequence[Any]:
        text, values = statement.text, statement.values
        context = Execution({**statement.options, DEADLINE: deadline})
        for listener in self._dispatch.before_cursor_execute:
            text, values = listener(None, None, text, values, context, False)
        try:
            rows = await self._fetch_all(pooled.driver_connection, text, values, budget)
        except Exception as error:
            if not isinstance(error, self._dialect.loaded_dbapi.Error):
                raise
            raise await self._translated(error, pooled, statement) from error
        except asyncio.CancelledError as error:
            # Nobody reads the rest of the answer, so the connection is of no more use.
            if self._health:
                self._health.note_cancelled(pooled.driver_connection, deadline)
            await _invalidate(pooled, error)
            raise
        context.rowcount = len(rows)
        for listener in self._dispatch.after_cursor_execute:
            listener(None, None, text, values, context, False)
        return rows

    async def _translated(
        self, error: Exception, pooled: ManagesConnection, statement: BoundStatement
    ) -> sa.exc.DBAPIError:
        """SQLAlchemy's error; if the connection is lost, all of the pool are replaced."""
        is_lost = self._is_lost(error)
        if is_lost:
            if self._health:
                self._health.suspect(time.monotonic())
            cast(ReadPool, self._engine.pool).invalidate_all()
            await _invalidate(pooled, error)
        wrapped = sa.exc.DBAPIError.instance(
            statement.text,
            None,
            error,
            self._dialect.loaded_dbapi.Error,
            hide_parameters=True,
            connection_invalidated=is_lost,
            dialect=self._dialect,
        )
        return cast(sa.exc.DBAPIError, wrapped)

    def _is_lost(self, error: Any) -> bool:
        is_lost = self._dialect.is_disconnect(error, None, None)
        return is_lost or errors.sqlite_code(error) in errors.SQLITE_REOPEN


async def _invalidate(pooled: Any, error: BaseException) -> None:
    """Close the connection; SQLAlchemy makes another one in its place."""
    try:
        await sa.util.greenlet_spawn(pooled.invalidate, error)
    finally:
        # Also if closing it was cancelled.
        pooled.dbapi_connection = None


async def _fetch_all_mysql(
    connection: Any, text: str, values: tuple[Any, ...], budget: ResponseBudget
) -> Sequence[Any]:
    cursor = await connection.cursor()
    await cursor.execute(text, values)
    rows: Sequence[Any] = await cursor.fetchall()
    budget.add_rows(rows)
    return rows


async def _fetch_all_sqlite(
    connection: Any, text: str, values: tuple[Any, ...], budget: ResponseBudget
) -> Sequence[Any]:
    cursor = connection.cursor()
    with response_budget.counting(budget):
        await cursor.execute(text, values)
    rows: Sequence[Any] = await cursor.fetchall()
    return rows
