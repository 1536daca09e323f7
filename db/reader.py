"""The Reader: where a statement runs, as of when, whose rows it sees and until when it may take."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db import errors, response_budget, row_level_security, stale_reads
from db.audit.author import SYSTEM, Author
from db.engine import retry
from db.engine.compiled_sql import BoundStatement
from db.engine.deadline import Deadline
from db.engine.statement_timeout import DEADLINE
from db.query_statistics import QueryStatistics
from db.response_budget import STATEMENT_LIMIT, ResponseBudget

Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
AnyResult = sa.CursorResult[*tuple[Any, ...]]
AnyRow = sa.Row[*tuple[Any, ...]]
Statement = sa.Executable | BoundStatement
Execute = Callable[[Statement, Parameters], Awaitable[AnyResult]]


async def send(
    connection: AsyncConnection,
    statement: Statement,
    parameters: Parameters,
    deadline: Deadline,
    statistics: QueryStatistics,
    limit: ResponseBudget | None = None,
) -> AnyResult:
    """Every statement of a request passes here, with its deadline, and onto its receipt.

    What it reads counts towards the response, or up to a `limit` of its own. Raises ResponseTooLarge.
    """
    with statistics.statement():
        result: AnyResult = await response_budget.execute(
            connection, statement, parameters, {DEADLINE: deadline}, limit or statistics.budget
        )
        return result


class Reader:
    """Runs statements. Safe to share between tasks; every read of the API goes through one.

    With an `owner`, a customer's id, all of them see that customer's rows alone.
    """

    # None is the present: each statement at its own moment, or the transaction's.
    read_timestamp: datetime | None = None

    def __init__(
        self,
        execute: Execute,
        deadline: Deadline,
        statistics: QueryStatistics,
        *,
        dialect: sa.Dialect,
        owner: int | None = None,
        supports_stale_reads: bool = False,
    ) -> None:
        self._execute = execute
        self.dialect = dialect
        self.deadline = deadline
        self.statistics = statistics
        self.owner = owner
        self._supports_stale_reads = supports_stale_reads

    def as_of(self, read_timestamp: datetime) -> "Reader":
        """A Reader of the past: every statement is read as of the millisecond that `read_timestamp` lies in.

        Raises AsOfUnavailable, and so do its statements.
        """
        self.require_stale_reads()
        stale_reads.check_read_timestamp(read_timestamp)
        read_timestamp = stale_reads.truncate_to_millisecond(read_timestamp)
        execute = partial(self._execute_at, read_timestamp)
        reader = Reader(
            execute,
            self.deadline,
            self.statistics,
            dialect=self.dialect,
            owner=self.owner,
            supports_stale_reads=True,
        )
        reader.read_timestamp = read_timestamp
        return reader

    def require_stale_reads(self) -> None:
        """Raises AsOfUnavailable where only the present can be read."""
        if not self._supports_stale_reads:
            raise errors.AsOfUnavailable(stale_reads.NO_STALE_READS)

    async def pin(self) -> datetime:
        """A moment just past, a whole millisecond: what was committed before this call is seen as of it.

        That is so as far as the clocks of TiDB's nodes agree. Raises AsOfUnavailable.
        """
        self.require_stale_reads()
        ((clock,),) = await self.fetch(stale_reads.CLOCK)
        read_timestamp = stale_reads.next_millisecond(clock)
        await asyncio.sleep((read_timestamp - clock).total_seconds())
        return read_timestamp.replace(tzinfo=UTC)

    async def _execute_at(
        self, read_timestamp: datetime, statement: Statement, parameters: Parameters
    ) -> AnyResult:
        # The statement's own comes last: of `reader.as_of(one).as_of(other)` it is the other.
        as_of = statement.execution_options(
            **{stale_reads.AS_OF: read_timestamp, **statement.get_execution_options()}
        )
        return await stale_reads.run_stale_read(partial(self._execute, as_of, parameters))

    async def fetch(self, statement: Statement, parameters: Parameters = None) -> Sequence[Any]:
        """All rows of a SELECT. Raises Unavailable, DeadlineExceeded or StatementFailed."""
        try:
            async with self.deadline.limit():
                result = await self._execute(*self._own(statement, parameters))
        except sa.exc.SQLAlchemyError as error:
            raise retry.translate(error) from error
        return self._counted(result, statement)

    def _own(self, statement: Any, parameters: Parameters) -> tuple[Any, Parameters]:
        """The statement over the owner's rows, with its parameters. Raises RowLevelSecurityViolation."""
        if isinstance(statement, BoundStatement):
            if statement.owner != self.owner:
                raise errors.StatementFailed("a statement was compiled for the rows of another customer")
            return statement, parameters
        if self.owner is None:
            return statement, parameters
        return row_level_security.restrict(statement, parameters, self.owner)

    def _counted(self, result: AnyResult, statement: Statement | None = None) -> Sequence[Any]:
        rows = result.all()
        self.statistics.rows += len(rows)
        return statement.rows(rows) if isinstance(statement, BoundStatement) else rows


class Transaction(Reader):
    """A Reader inside a running transaction, which can write too; one statement at a time."""

    def __init__(
        self,
        connection: AsyncConnection,
        deadline: Deadline,
        statistics: QueryStatistics,
        author: Author = SYSTEM,
    ) -> None:
        super().__init__(self._run, deadline, statistics, dialect=connection.dialect, owner=author.owner)
        self.author = author
        self.is_sqlite = connection.dialect.name == "sqlite"
        self._connection = connection
        self._turn = asyncio.Lock()
        self._ended = False

    def reader(self) -> Reader:
        """A Reader of what this transaction sees, for callers that only read. It raises our errors."""
        run = partial(self._run, limit=self.statistics.budget)
        return Reader(run, self.deadline, self.statistics, dialect=self.dialect, owner=self.owner)

    async def end(self) -> None:
        """Wait for the statement that is underway, and take no other: nobody waits for those any more."""
        async with self._turn:
            self._ended = True

    async def _run(
        self, statement: Statement, parameters: Parameters, limit: ResponseBudget | None = None
    ) -> AnyResult:
        # A transaction that runs again reads the same again, and what it changes is not the response.
        limit = limit or ResponseBudget(STATEMENT_LIMIT)
        async with self._turn:
            if self._ended:
                raise errors.StatementFailed("the transaction has ended")
            return await send(self._connection, statement, parameters, self.deadline, self.statistics, limit)

    async def fetch(self, statement: Statement, parameters: Parameters = None) -> Sequence[Any]:
        """All rows of a SELECT; the driver's error goes up as it is, for `Database.write` to judge.

        Raises StatementFailed for a locking read in an owner's transaction.
        """
        if self.owner is not None and not isinstance(statement, BoundStatement):
            row_level_security.require_unlocked(statement)
        return self._counted(await self._run(*self._own(statement, parameters)), statement)

    async def fetch_unscoped(self, statement: sa.Executable) -> Sequence[AnyRow]:
        """The same, whosever the rows are: for what is unique among all, and not to be shown."""
        result = await self._run(statement, None)
        # How many lines another's order has is nothing for an owner's receipt.
        return self._counted(result) if self.owner is None else result.all()

    async def fetch_for_update(self, statement: sa.Select[Any]) -> Sequence[AnyRow]:
        """The rows of a SELECT, locked until the transaction ends.

        The keys in an owner's statement must be known to be the owner's: TiDB locks rows that it reads by key
        before it evaluates other conditions.
        """
        return self._counted(await self._run(*self._own(statement.with_for_update(), None)))

    async def lock(self, table: sa.Table, ids: Collection[int]) -> Sequence[AnyRow]:
        """The rows of `table` with these ids, by id, locked until the transaction ends.

        In an owner's transaction no other rows than the owner's are found or locked.
        """
        if self.owner is not None:
            ids = await self._own_ids(table, ids)
        if not ids:
            return []
        key, statement = table.c.id, sa.select(*table.c)
        if len(ids) == 1:
            # TiDB plans a point read without ORDER BY faster.
            return await self.fetch_for_update(statement.where(key == next(iter(ids))))
        return await self.fetch_for_update(statement.where(key.in_(ids)).order_by(key))

    async def _own_ids(self, table: sa.Table, ids: Collection[int]) -> Collection[int]:
        if row_level_security.OWNER_COLUMNS[table.name] == table.c.id.name:
            return [each for each in ids if each == self.owner]
        # Without a lock: whose rows they are is not known yet.
        return [row.id for row in await self.fetch(sa.select(table.c.id).where(table.c.id.in_(ids)))]

    async def lock_unscoped(
        self, statement: sa.Select[Any], found: sa.ColumnElement[bool], table: sa.Table
    ) -> Sequence[AnyRow]:
        """The rows of `table` that are `found`, locked; of an owner's transaction no others than its own are.

        It could keep others from their own rows otherwise, by naming what is unique of them.
        """
        if self.owner is None:
            return await self.fetch_for_update(statement.where(found))
        rows = await self.fetch_unscoped(statement.where(found))
        whose = table.c[row_level_security.OWNER_COLUMNS[table.name]]
        ids = {row._mapping[table.c.id] for row in rows if row._mapping[whose] == self.owner}
        own = await self.fetch_for_update(statement.where(table.c.id.in_(ids))) if ids else []
        return [*own, *(row for row in rows if row._mapping[whose] != self.owner)]

    async def execute(self, statement: sa.Executable, parameters: Parameters = None) -> AnyResult:
        """Run a statement that writes. Raises RowLevelSecurityViolation, DuplicateKey or ForeignKeyViolation.

        The keys in an owner's statement must be known to be the owner's, as in `fetch_for_update`.
        """
        if self.owner is not None:
            row_level_security.require_unlocked(statement)
        try:
            return await self._run(*self._own(statement, parameters))
        except sa.exc.DBAPIError as error:
            if retry.breaks_constraint(error):
                raise retry.translate(error) from error
            raise

    async def insert(self, table: sa.Table, values: Mapping[str, Any]) -> int:
        """Insert one row and give back the id that the database gave it. Raises as `execute` does."""
        result = await self.execute(table.insert().values(**values))
        row_id: int = result.lastrowid
        return row_id

    async def insert_many(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows that name the same columns, at twice the speed of `execute`: for bulk, of anybody's."""
        if self.owner is not None:
            raise errors.RowLevelSecurityViolation(table.name)
        dialect = self._connection.dialect
        statement = table.insert().compile(dialect=dialect, column_keys=list(rows[0]))
        columns = [table.c[name] for name in statement.positiontup or ()]
        convert = [(c.name, c.type.dialect_impl(dialect).bind_processor(dialect)) for c in columns]
        values = [tuple([to(row[name]) if to else row[name] for name, to in convert]) for row in rows]
        async with self._turn:
            await self._connection.exec_driver_sql(str(statement), values)
