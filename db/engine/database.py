"""One database: its pools, its reads, and its writes in transactions that may run more than once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import NamedTuple, Self, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db import errors
from db.audit.author import SYSTEM, Author
from db.engine import pools, retry
from db.engine.compiled_sql import BoundStatement
from db.engine.connection_health import ConnectionHealth
from db.engine.deadline import Deadline
from db.engine.direct_reads import DirectReads
from db.engine.pool_quota import PoolQuota
from db.engine.pools import Limits
from db.engine.query_cancellation import QueryCancellation
from db.engine.retry import Attempts
from db.engine.urls import DatabaseUrl
from db.query_statistics import QueryStatistics
from db.reader import AnyResult, Parameters, Reader, Statement, Transaction, send
from db.response_budget import STREAMED, Rows

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]


class Run(NamedTuple):
    """Until when a transaction may run, what it costs, and for whom it is."""

    deadline: Deadline
    statistics: QueryStatistics
    author: Author


# How long a dry run's transaction stays open for its payload to be read, in seconds.
DRY_RUN_SECONDS = 1.0
# How long COMMIT and ROLLBACK may take although the request's deadline is over.
END_TIMEOUT = 2.0


class Database:
    """The pools of one server process. Use as an async context manager, or `close()` it."""

    def __init__(self, url: DatabaseUrl, limits: Limits | None = None) -> None:
        self.url = url
        self.limits = limits or Limits()
        self.reads = pools.reading(url, self.limits)
        self.writes = pools.writing(url, self.limits)
        self.probes = pools.single(url, self.limits)
        self._read_quota = PoolQuota(self.limits.pool_size, self.limits.pool_timeout)
        self._write_quota = _write_quota(url, self.limits)
        health = ConnectionHealth()
        self._query_cancellation = QueryCancellation(url, self.limits, health)
        for engine in (self.reads, self.writes):
            self._query_cancellation.watch(engine)
        if not url.is_sqlite:
            health.watch(self.reads)
            health.watch(self.writes)
            health.watch(self.probes, always_ping=True)
        self._direct_reads = DirectReads(self.reads, None if url.is_sqlite else health)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._query_cancellation.close()
        await asyncio.gather(*(pools.dispose(engine) for engine in (self.reads, self.writes, self.probes)))

    def reader(
        self,
        deadline: Deadline | None = None,
        statistics: QueryStatistics | None = None,
        caller: str | None = None,
        owner: int | None = None,
    ) -> Reader:
        """Reads from the autocommit pool, each statement at its own moment, until `deadline`.

        It holds no more than half of the pool, and all of one caller leave a fifth of it: neither one
        request nor one caller can keep all others waiting. With an `owner`, a customer's id, it sees that
        customer's rows alone.
        """
        deadline, statistics = deadline or Deadline.none(), statistics or QueryStatistics()
        share = asyncio.Semaphore(max(1, self.limits.pool_size // 2))
        execute = partial(self._read, share, caller, deadline, statistics)
        return Reader(
            execute,
            deadline,
            statistics,
            dialect=self.reads.dialect,
            owner=owner,
            supports_stale_reads=not self.url.is_sqlite,
        )

    async def _read(
        self,
        share: asyncio.Semaphore,
        caller: str | None,
        deadline: Deadline,
        statistics: QueryStatistics,
        statement: Statement,
        parameters: Parameters,
    ) -> AnyResult:
        # The request's own first: what waits for that does not keep the caller's.
        async with share, self._read_quota.slot(caller):
            try:
                return await self._read_once(deadline, statistics, statement, parameters)
            except sa.exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
            # The pooled connection was dead, and with it the whole pool: this one is fresh.
            return await self._read_once(deadline, statistics, statement, parameters)

    async def _read_once(
        self, deadline: Deadline, statistics: QueryStatistics, statement: Statement, parameters: Parameters
    ) -> AnyResult:
        if isinstance(statement, BoundStatement) and STREAMED not in statement.options:
            with statistics.statement():
                rows = await self._direct_reads.fetch(statement, deadline, statistics.budget)
            return cast(AnyResult, Rows(rows))
        async with self.reads.connect() as connection:
            return await send(connection, statement, parameters, deadline, statistics)

    async def write(
        self,
        work: Work[T],
        deadline: Deadline | None = None,
        statistics: QueryStatistics | None = None,
        *,
        author: Author = SYSTEM,
        attempts: Attempts | None = None,
    ) -> T:
        """Run `work` in one transaction and commit; what it returns comes back.

        `work` may run more than once, each time in a new transaction, so it has no other effect. All of one
        author leave a fifth of the pool, as in reading.
        Raises Conflict, Unavailable or DeadlineExceeded when nothing was written, OutcomeUnknown when
        the connection was lost during COMMIT, and whatever `work` raises, after a rollback.
        """
        run = Run(deadline or Deadline.none(), statistics or QueryStatistics(), author)
        attempts = attempts or self.attempts(run.deadline)
        return await self._until_done(partial(self._write_once, work, run), run, attempts)

    @asynccontextmanager
    async def dry_run(
        self,
        work: Work[T],
        deadline: Deadline,
        statistics: QueryStatistics,
        *,
        author: Author,
        attempts: Attempts,
    ) -> AsyncIterator[tuple[T, Reader]]:
        """What `work` returns, and a Reader of what would be, until it is rolled back.

        That is at the end of the block or after REHEARSAL, whichever is sooner: the transaction holds locks
        that others may wait for. From then on the Reader raises DeadlineExceeded. Raises as `write` does.
        """
        run = Run(deadline, statistics, author)
        done = partial(self._work, work, run)
        async with self._pool_slot(run):
            connection, result = await self._until_done(done, run, attempts)
            transaction = Transaction(connection, deadline.within(DRY_RUN_SECONDS), statistics, author)
            done_reading = asyncio.Event()
            ending = asyncio.create_task(_end_after(done_reading, transaction, connection))
            try:
                yield result, transaction.reader()
            finally:
                done_reading.set()
                await _finish(ending)

    def attempts(self, deadline: Deadline) -> Attempts:
        """A new budget of runs, which transactions can share."""
        return Attempts(deadline, self.limits.retry_attempts, self.limits.retry_seconds)

    async def _until_done(self, once: Callable[[], Awaitable[T]], run: Run, attempts: Attempts) -> T:
        while True:
            try:
                return await once()
            except sa.exc.DBAPIError as error:
                await attempts.next(error)
                run.statistics.retried_for.append(attempts.reasons[-1])
            except errors.ConcurrentInsert as error:
                await attempts.after(retry.CONFLICT, error)
                run.statistics.retried_for.append(attempts.reasons[-1])
            except sa.exc.SQLAlchemyError as error:
                raise retry.translate(error) from error

    async def _write_once(self, work: Work[T], run: Run) -> T:
        async with self._pool_slot(run):
            connection, result = await self._work(work, run)
            with run.statistics.time():
                await _finish(_commit(connection))
            return result

    @asynccontextmanager
    async def _pool_slot(self, run: Run) -> AsyncIterator[None]:
        """A connection's worth of what the author may hold of those for writing."""
        caller = None if run.author is SYSTEM else run.author.principal
        async with AsyncExitStack() as held:
            async with run.deadline.limit():
                await held.enter_async_context(self._write_quota.slot(caller))
            yield

    async def _work(self, work: Work[T], run: Run) -> tuple[AsyncConnection, T]:
        """What `work` returns, with its transaction still open."""
        run.statistics.attempts += 1
        async with run.deadline.limit():
            connection = await self.writes.connect()
        try:
            async with run.deadline.limit():
                await connection.begin()
                return connection, await work(Transaction(connection, *run))
        except BaseException:
            await _finish(_roll_back(connection))
            raise


async def _finish(ending: Awaitable[None]) -> None:
    """See a COMMIT or ROLLBACK through, even if the request is cancelled."""
    task = asyncio.ensure_future(ending)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        # No caller waits for the outcome any more.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.wait([task])
        raise


def _write_quota(url: DatabaseUrl, limits: Limits) -> PoolQuota:
    """On SQLite one caller at a time has or awaits the one writer, so that callers take turns at it."""
    if url.is_sqlite:
        return PoolQuota(1, limits.lock_timeout, errors.Conflict)
    return PoolQuota(limits.pool_size, limits.pool_timeout)


async def _end_after(done: asyncio.Event, transaction: Transaction, connection: AsyncConnection) -> None:
    """End the transaction when it is `done`, or at its deadline."""
    with suppress(errors.DeadlineExceeded):
        async with transaction.deadline.limit():
            await done.wait()
    await _end(transaction, connection)


async def _end(transaction: Transaction, connection: AsyncConnection) -> None:
    # When one edge cannot be read, those beside it are on their way: two must not talk at once.
    await transaction.end()
    await _roll_back(connection)


async def _roll_back(connection: AsyncConnection) -> None:
    try:
        async with asyncio.timeout(END_TIMEOUT):
            await connection.rollback()
    except (sa.exc.SQLAlchemyError, TimeoutError):
        # Without its ROLLBACK the connection may still hold locks: it must not go back to the pool.
        await connection.invalidate()
    finally:
        await connection.close()


async def _commit(connection: AsyncConnection) -> None:
    try:
        async with asyncio.timeout(END_TIMEOUT):
            await connection.commit()
    except TimeoutError as error:
        raise errors.OutcomeUnknown("no response to COMMIT in time") from error
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise errors.OutcomeUnknown("the connection was lost during COMMIT") from error
        await _roll_back(connection)
        raise
    finally:
        await connection.close()


async def ping(database: Database, deadline: Deadline) -> str:
    """The database's kind and version, over a connection outside the pools.

    Raises Unavailable or DeadlineExceeded.
    """
    function = "sqlite_version()" if database.url.is_sqlite else "VERSION()"
    try:
        async with deadline.limit(), database.probes.connect() as connection:
            version = str(await connection.scalar(sa.text(f"SELECT {function}")))
    except sa.exc.SQLAlchemyError as error:
        raise retry.translate(error) from error
    if database.url.is_sqlite:
        return f"SQLite {version}"
    return f"TiDB {version.rpartition('TiDB-')[2]}" if "TiDB" in version else f"MySQL {version}"
