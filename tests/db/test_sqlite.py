"""What a connection to SQLite is set to, also to a file that others are just making."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
import sqlalchemy as sa

from db import errors, migrate
from db.database import Database
from db.drivers import AiosqliteConnection
from db.engines import Limits
from db.urls import DatabaseUrl

sqlite_only = pytest.mark.parametrize("new_url", ["sqlite"], indirect=True)


@pytest.fixture
async def new(new_url: str) -> AsyncIterator[Database]:
    """Pools over a file that is not there yet; locks are waited for a second."""
    async with Database(DatabaseUrl.parse(new_url), Limits(lock_timeout=1)) as database:
        yield database


@pytest.fixture
def written_by_another(new: Database) -> Iterator[sqlite3.Connection]:
    """A connection that writes to the file before it is WAL: who turns it to WAL now is failed at once."""
    with closing(sqlite3.connect(new.url.database, isolation_level=None)) as another:
        another.execute("CREATE TABLE others (id INTEGER)")
        another.execute("BEGIN IMMEDIATE")
        yield another


@sqlite_only
async def test_every_connection_runs_as_it_should(new: Database) -> None:
    """Readers beside a writer, and foreign keys, on every connection of both pools."""
    for engine in (new.reads, new.writes):
        async with engine.connect() as connection:
            mode = await connection.scalar(sa.text("PRAGMA journal_mode"))
            keys = await connection.scalar(sa.text("PRAGMA foreign_keys"))

        assert ("wal", 1) == (mode, keys)


@sqlite_only
async def test_a_statement_takes_one_turn_of_the_thread(
    new: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its rows; a wait for the connection's thread takes longer than most statements do."""
    execute, turns = AiosqliteConnection._execute, []

    async def counted(connection: AiosqliteConnection, *arguments: Any, **options: Any) -> Any:
        turns.append(arguments)
        return await execute(connection, *arguments, **options)

    monkeypatch.setattr(AiosqliteConnection, "_execute", counted)
    async with new.reads.connect() as connection:
        turns.clear()
        numbers = (await connection.scalars(sa.text("VALUES (1), (2), (3)"))).all()
        of_reading = len(turns)
        created = await connection.execute(sa.text("CREATE TABLE numbers (id INTEGER PRIMARY KEY)"))
        insert = sa.text("INSERT INTO numbers VALUES (:id)")
        one = await connection.execute(insert, {"id": 7})
        many = await connection.execute(insert, [{"id": number} for number in numbers])

    assert [1, 2, 3] == numbers
    assert (1, 4) == (of_reading, len(turns))
    assert (False, 7, 1, 3) == (created.returns_rows, one.lastrowid, one.rowcount, many.rowcount)


@sqlite_only
async def test_a_new_file_that_another_writes_to_is_waited_for(
    new: Database, written_by_another: sqlite3.Connection
) -> None:
    """As where two servers are started at once for the first time."""
    migration = asyncio.ensure_future(migrate.upgrade(new))
    await asyncio.sleep(0.1)
    waits = not migration.done()
    written_by_another.execute("COMMIT")
    await migration

    assert waits
    assert migrate.State.CURRENT is await migrate.state(new)


@sqlite_only
@pytest.mark.usefixtures("written_by_another")
async def test_a_new_file_that_another_writes_to_for_long_is_a_conflict(new: Database) -> None:
    """After the time that locks are waited for."""
    with pytest.raises(errors.Conflict):
        await migrate.upgrade(new)
