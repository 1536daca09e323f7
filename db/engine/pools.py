"""Engines for reading and for writing, on SQLite and on TiDB."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection, QueuePool
from sqlalchemy.util.concurrency import greenlet_spawn

from db import errors, stale_reads
from db.engine import compiled_sql, drivers, session_variables, statement_timeout
from db.engine.direct_reads import ReadPool
from db.engine.urls import DatabaseUrl


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the pools and of waiting; times in seconds.

    A connection to TiDB is replaced `pool_recycle` after it was made.
    TiDB ends a transaction that nothing was asked of for `idle_timeout`, should its process be lost. The
    transactions of a request are run again less than `retry_attempts` times, all together, and none when the
    first one that failed did so `retry_seconds` ago. An idempotency key lives for `key_lifetime`.
    """

    pool_size: int = 10
    pool_timeout: float = 5.0
    pool_recycle: float = 300.0
    connect_timeout: float = 5.0
    lock_timeout: float = 3.0
    idle_timeout: float = 10.0
    retry_attempts: int = 12
    retry_seconds: float = 8.0
    key_lifetime: float = 24 * 3600.0

    @property
    def session_variables(self) -> dict[str, str | int]:
        """What each connection to TiDB sets."""
        return session_variables.values(self.lock_timeout, self.idle_timeout)


class OneWriter(AsyncAdaptedQueuePool):
    """SQLite's one connection for writing: who waits for it waits for a lock."""

    def connect(self) -> PoolProxiedConnection:
        """Raises Conflict."""
        try:
            return super().connect()
        except sa.exc.TimeoutError as error:
            raise errors.Conflict("the writer was busy with other transactions") from error


def reading(url: DatabaseUrl, limits: Limits) -> AsyncEngine:
    """Autocommit: one packet a statement, because nothing is begun and nothing rolled back."""
    return _create(url, limits, ReadPool, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)


def single(url: DatabaseUrl, limits: Limits) -> AsyncEngine:
    """One autocommit connection outside the pools, for KILL and for probes: busy pools do not delay these.

    It is used seldom, so `Liveness` should ping it each time.
    """
    return reading(url, replace(limits, pool_size=1))


def writing(url: DatabaseUrl, limits: Limits) -> AsyncEngine:
    """Transactions; `Database.write` ends each itself, so a connection comes back clean."""
    if not url.is_sqlite:
        return _create(url, limits, pool_reset_on_return=None)
    # SQLite has one writer at a time: waiting in our queue is fair, waiting in SQLite is not.
    limits = replace(limits, pool_size=1, pool_timeout=limits.lock_timeout)
    engine = _create(url, limits, OneWriter, pool_reset_on_return=None)
    sa.event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _create(
    url: DatabaseUrl,
    limits: Limits,
    pool: type[AsyncAdaptedQueuePool] = AsyncAdaptedQueuePool,
    **options: Any,
) -> AsyncEngine:
    engine = create_async_engine(
        url.driver_url,
        poolclass=pool,
        pool_size=limits.pool_size,
        max_overflow=0,
        pool_timeout=limits.pool_timeout,
        pool_recycle=-1 if url.is_sqlite else limits.pool_recycle,
        connect_args=_sqlite_arguments(limits) if url.is_sqlite else _tidb_arguments(url, limits),
        hide_parameters=True,
        execution_options={"compiled_cache": compiled_sql.statement_cache()},
        **options,
    )
    if url.is_sqlite:
        sa.event.listen(engine.sync_engine, "handle_error", _reopen_file)
    else:
        sa.event.listen(
            engine.sync_engine, "before_cursor_execute", stale_reads.add_as_of_timestamp, retval=True
        )
        statement_timeout.write_into_selects(engine)
    return engine


def _sqlite_arguments(limits: Limits) -> dict[str, Any]:
    # isolation_level=None: the driver must not begin a transaction of its own before ours.
    creator = drivers.connect_aiosqlite
    return {"timeout": limits.lock_timeout, "isolation_level": None, "async_creator_fn": creator}


def _tidb_arguments(url: DatabaseUrl, limits: Limits) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "charset": "utf8mb4",
        "connect_timeout": limits.connect_timeout,
        "init_command": session_variables.statement(limits.session_variables),
    }
    if url.driver_url.password:
        # Both drivers send text as Latin-1, and TiDB knows a password by its UTF-8.
        arguments["password"] = str(url.driver_url.password).encode().decode("latin-1")
    if url.tls_context:
        arguments["ssl"] = url.tls_context
    arguments["async_creator_fn"] = _creator(url.driver)
    return arguments


def _creator(driver: str) -> Callable[..., Awaitable[Any]]:
    if driver == "aiomysql":
        return drivers.connect_aiomysql
    from db.engine.asyncmy_driver import connect_asyncmy

    return connect_asyncmy


async def dispose(engine: AsyncEngine) -> None:
    """Close all idle connections at the same time: each may take a second if its packets are dropped."""
    pool = engine.sync_engine.pool
    idle = pool.checkedin() if isinstance(pool, QueuePool) else 0
    # Each call closes one connection after the other, and takes those that no other call has taken.
    await asyncio.gather(*(greenlet_spawn(pool.dispose) for _ in range(idle)))
    await engine.dispose()


def _reopen_file(context: sa.engine.ExceptionContext) -> None:
    """Close the connections to a file that cannot be read or written: it may have been replaced."""
    if errors.sqlite_code(context.original_exception) in errors.SQLITE_REOPEN:
        context.is_disconnect = True


def _begin_immediate(connection: sa.Connection) -> None:
    # A deferred transaction that turns into a write fails at once when another one is writing.
    connection.exec_driver_sql("BEGIN IMMEDIATE")
