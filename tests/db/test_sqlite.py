"""What a connection to SQLite is set to, also to a file that others are just making."""

import asyncio
import os
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from db import errors
from db.engine.database import Database
from db.engine.drivers import AiosqliteConnection
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate

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


def modes(folder: Path) -> dict[str, str]:
    """The permissions of each file of a database while it is open."""
    return {path.name: f"{path.stat().st_mode & 0o777:o}" for path in folder.glob("new.db*")}


@sqlite_only
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids="{:03o}".format)
async def test_a_new_file_is_readable_by_its_owner_only(new: Database, umask: int, tmp_path: Path) -> None:
    """With its write-ahead log and index, whatever the umask would allow."""
    before = os.umask(umask)
    try:
        async with new.writes.begin() as connection:
            await connection.execute(sa.text("CREATE TABLE numbers (id INTEGER PRIMARY KEY)"))
            shown = modes(tmp_path)
    finally:
        os.umask(before)

    assert {"new.db": "600", "new.db-wal": "600", "new.db-shm": "600"} == shown


@sqlite_only
async def test_the_mode_of_an_existing_file_is_left_alone(new: Database, tmp_path: Path) -> None:
    """A group that was given access keeps it, an empty file included."""
    path = tmp_path / "new.db"
    path.touch()
    path.chmod(0o640)
    async with new.writes.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE numbers (id INTEGER PRIMARY KEY)"))
        shown = modes(tmp_path)

    assert {"new.db": "640", "new.db-wal": "640", "new.db-shm": "640"} == shown


@sqlite_only
async def test_a_new_file_behind_a_link_is_readable_by_its_owner_only(new: Database, tmp_path: Path) -> None:
    """The file is created where the link leads to."""
    (tmp_path / "new.db").symlink_to("elsewhere.db")
    await migrate.upgrade(new)

    assert 0o600 == (tmp_path / "elsewhere.db").stat().st_mode & 0o777
