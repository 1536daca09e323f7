"""The response budget: how many bytes one request may read for its response, and how many it may build."""

import asyncio
import marshal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncResult

from db.engine.compiled_sql import BoundStatement
from db.errors import ResponseTooLarge

UNLIMITED = sys.maxsize
# What one statement of a transaction may read: rows to be changed, not rows of the response.
STATEMENT_LIMIT = 10_000_000
# The execution option of statements whose size their cost does not bound: drivers buffer whole results, so
# these are streamed.
STREAMED = "streamed"
CHUNK, PART = 200, 500
# Bytes between two reservations of memory.
STEP = 64_000
# Bytes of a number, a date or null.
SMALL = 8
# What a fetched value takes in memory besides its text: the object, and its place in a row.
OBJECT_BYTES = 64

_current: ContextVar["ResponseBudget | None"] = ContextVar("budget", default=None)


@dataclass(slots=True)
class ResponseBudget:
    """Counts the bytes of rows as they are fetched and of JSON as it is built, each up to `limit`.

    Independent of what executes the operation. Once it is exceeded, nothing more is fetched.
    """

    limit: int = UNLIMITED
    # Reserves memory for so many bytes, fetched and built; called after every STEP of them. May raise.
    reserve: Callable[[int], None] | None = None
    fetched: int = 0
    built: int = 0
    # Memory of fetched values besides their bytes. Reserved, but no part of the response.
    objects: int = 0
    exceeded: bool = field(default=False, init=False)
    _reserved: int = field(default=0, init=False)

    def add(self, size: int) -> None:
        """Count JSON of the response. Raises ResponseTooLarge, and what `reserve` raises."""
        self.built += size
        if self.built > self.limit:
            self._exceed()
        self._reserve()

    def add_rows(self, rows: Sequence[Sequence[Any]]) -> None:
        """Count rows as they come from the database. Raises ResponseTooLarge."""
        sizes = [len(value) if type(value) is str else SMALL for row in rows for value in row]
        self.add_fetched(sum(sizes), len(sizes))

    def add_fetched(self, size: int, values: int = 0) -> None:
        """Count fetched bytes, which are those of so many values. Raises ResponseTooLarge."""
        self.fetched += size
        self.objects += OBJECT_BYTES * values
        if self.fetched > self.limit:
            self._exceed()
        self._reserve()

    def require_room(self, size: int) -> None:
        """Raises ResponseTooLarge if `size` more bytes of JSON would exceed the limit; counts nothing."""
        if self.built + size > self.limit:
            self._exceed()

    def check(self) -> None:
        """Raises ResponseTooLarge if it has been exceeded: another statement would be in vain."""
        if self.exceeded:
            self._exceed()

    def _reserve(self) -> None:
        size = self.fetched + self.built + self.objects
        if self.reserve is not None and size >= self._reserved + STEP:
            self.reserve(size)
            self._reserved = size

    def _exceed(self) -> None:
        self.exceeded = True
        raise ResponseTooLarge(self.limit)


@contextmanager
def counting(budget: ResponseBudget) -> Iterator[None]:
    """Have `fetch_all` of the statement that is executed inside count towards `budget`."""
    token = _current.set(budget)
    try:
        yield
    finally:
        _current.reset(token)


def current() -> ResponseBudget:
    """The budget of the statement that is executed in this context."""
    return _current.get() or ResponseBudget()


def fetch_all(cursor: sqlite3.Cursor, budget: ResponseBudget) -> list[Any]:
    """All rows of SQLite's cursor, fetched in chunks up to the limit. Raises ResponseTooLarge."""
    rows: list[Any] = []
    while chunk := cursor.fetchmany(CHUNK):
        rows += chunk
        # The quickest way to the size of values as SQLite returns them; version 2 writes each of them out.
        budget.add_fetched(len(marshal.dumps(chunk, 2)), len(chunk) * len(chunk[0]))
    return rows


class Rows:
    """The rows of a statement that were fetched and counted."""

    def __init__(self, rows: Sequence[Any]) -> None:
        self._rows = rows

    def all(self) -> Sequence[Any]:
        return self._rows


async def execute(
    connection: AsyncConnection,
    statement: sa.Executable | BoundStatement,
    parameters: Any,
    options: dict[str, Any],
    budget: ResponseBudget,
) -> Any:
    """Execute a statement and count the rows that it returns. Raises ResponseTooLarge.

    The connection is invalidated then, so that the database stops sending the rest.
    """
    budget.check()
    is_sqlite = connection.dialect.name == "sqlite"
    if not is_sqlite and STREAMED in statement.get_execution_options():
        return Rows(await _stream(connection, statement, parameters, options, budget))
    with counting(budget):
        result = await connection.run_sync(_execute, statement, parameters, options)
    if not result.returns_rows:
        return result
    rows = await _convert(result)
    if not is_sqlite:
        budget.add_rows(rows)
    return Rows(rows)


def _execute(
    connection: sa.Connection,
    statement: sa.Executable | BoundStatement,
    parameters: Any,
    options: dict[str, Any],
) -> sa.CursorResult[Any]:
    if isinstance(statement, BoundStatement):
        options = {**options, **statement.options}
        return connection.exec_driver_sql(statement.text, statement.values, options)
    return connection.execute(statement, parameters, execution_options=options)


async def _convert(result: sa.CursorResult[Any]) -> Sequence[Any]:
    """All rows, their values converted; other tasks run between the parts of a large result."""
    part = result.fetchmany(PART)
    rows = list(part)
    while len(part) == PART:
        await asyncio.sleep(0)
        part = result.fetchmany(PART)
        rows += part
    result.close()
    return rows


async def _stream(
    connection: AsyncConnection,
    statement: sa.Executable | BoundStatement,
    parameters: Any,
    options: dict[str, Any],
    budget: ResponseBudget,
) -> Sequence[Any]:
    options = {**options, "stream_results": True}
    result = AsyncResult(await connection.run_sync(_execute, statement, parameters, options))
    rows: list[Any] = []
    try:
        async for part in result.partitions(PART):
            rows += part
            budget.add_rows(part)
            await asyncio.sleep(0)
    except ResponseTooLarge as error:
        # Closing the cursor instead would read all that is left.
        await connection.invalidate(error)
        raise
    return rows
