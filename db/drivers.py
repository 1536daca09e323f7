"""Connections that keep what a driver's own does not: TLS, a deadline, no socket left behind."""

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self

import aiomysql
import aiosqlite
from aiomysql.connection import CLIENT, CR
from aiosqlite import core

# Seconds to wait for the end of a connection.
CLOSING, GIVEN_UP, INTERRUPTS = 1.0, 0.1, 20

# Seconds between two attempts to turn a file to WAL.
WAL_STEP = 0.01

# A new SQLite file is readable by its owner only. SQLite gives -wal, -shm and -journal the same mode.
FILE_MODE = 0o600
CREATING_FILE = Lock()


class AiomysqlConnection(aiomysql.Connection):  # type: ignore[misc]
    """aiomysql alone goes on in plain text, password and all, where the server offers no TLS."""

    async def _request_authentication(self) -> None:
        self.require_tls(offered=bool(self.server_capabilities & CLIENT.SSL))
        await super()._request_authentication()

    def require_tls(self, *, offered: bool) -> None:
        """Raises OperationalError."""
        if self._ssl_context and not offered:
            raise aiomysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "the server offers no TLS")

    async def ensure_closed(self) -> None:
        """Say goodbye and close; with TLS the server's own goodbye is waited for, a little."""
        writer = self._writer
        await super().ensure_closed()
        if writer is not None:
            try:
                await asyncio.wait_for(writer.wait_closed(), CLOSING)
            except (OSError, TimeoutError):
                writer.transport.abort()


async def connect_aiomysql(**arguments: Any) -> AiomysqlConnection:
    """Raises aiomysql's errors."""
    connection = AiomysqlConnection(**arguments)
    try:
        await connection._connect()
        # Again: a later aiomysql may no longer call the method above.
        connection.require_tls(offered=connection._secure)
    except BaseException:
        # aiomysql would keep the socket of an attempt that was cancelled.
        connection.close()
        raise
    return connection


class AiosqliteCursor:
    """Runs a statement, fetches its rows and lets go of it in one turn of the connection's thread.

    aiosqlite's own takes four, and each costs more than most statements. SQLAlchemy fetches all rows anyway.
    """

    description: Any = None
    rowcount = -1
    lastrowid: int | None = None
    arraysize = 1

    def __init__(self, connection: "AiosqliteConnection") -> None:
        self._connection = connection
        self._rows: list[Any] = []

    async def __aenter__(self) -> Self:
        return self

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Raises sqlite3's errors."""
        await self._connection._execute(self._run, sqlite3.Cursor.execute, statement, parameters)

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Raises sqlite3's errors."""
        await self._connection._execute(self._run, sqlite3.Cursor.executemany, statement, parameters)

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        pass

    def _run(self, run: Callable[..., sqlite3.Cursor], statement: str, parameters: Any) -> None:
        with closing(self._connection._conn.cursor()) as cursor:
            run(cursor, statement, parameters)
            self._rows = cursor.fetchall()
            self.description = cursor.description
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid


class AiosqliteConnection(aiosqlite.Connection):
    """aiosqlite alone waits, when it is closed, for the end of a statement that was given up."""

    _given_up = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # A daemon: it shall not keep the process from ending.
        self._thread = Thread(target=self._work, daemon=True)

    def _work(self) -> None:
        try:
            core._connection_worker_thread(self._tx)
        except RuntimeError:
            # The event loop has ended before the statement: nobody is left to be told.
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def cursor(self) -> AiosqliteCursor:  # type: ignore[override]
        return AiosqliteCursor(self)

    async def _execute(self, *arguments: Any, **options: Any) -> Any:
        try:
            return await super()._execute(*arguments, **options)  # type: ignore[no-untyped-call]
        except asyncio.CancelledError:
            self._given_up = True
            raise

    async def close(self) -> None:
        if self._connection is None or not self._given_up:
            await super().close()
            return
        connection = self._connection
        # A closed connection keeps its transaction, and the lock, while there are cursors on it.
        self._tx.put_nowait((None, connection.rollback))
        ending = self.stop()
        # Again and again, for the statement may not have begun yet. What waits for another process's
        # lock cannot be interrupted; its thread ends later.
        for _ in range(INTERRUPTS):
            if ending is None or ending.done():
                return
            # It may have been closed since.
            with suppress(sqlite3.ProgrammingError):
                connection.interrupt()
            await asyncio.wait([ending], timeout=GIVEN_UP / INTERRUPTS)


def connect_aiosqlite(path: str, timeout: float = 5, **arguments: Any) -> AiosqliteConnection:
    """To be awaited; locks are waited for `timeout` seconds."""
    return AiosqliteConnection(lambda: _open(path, timeout, **arguments), iter_chunk_size=64)


def _open(path: str, timeout: float, **arguments: Any) -> sqlite3.Connection:
    _create_private_file(path)
    connection: sqlite3.Connection = sqlite3.connect(path, timeout, **arguments)
    try:
        _turn_to_wal(connection, timeout)
        connection.execute("PRAGMA foreign_keys = ON").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _create_private_file(path: str) -> None:
    """Create an empty file with FILE_MODE, unless the path exists; SQLite itself would use 0644."""
    # O_EXCL never opens an existing file: closing it would release the locks that this process has on it.
    # For the same reason, no other thread may open the new file before it is closed here.
    with CREATING_FILE, suppress(OSError):
        # What keeps it from being created is reported by SQLite. A dangling link is followed, as SQLite does.
        os.close(os.open(Path(path).resolve(), os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))


def _turn_to_wal(connection: sqlite3.Connection, timeout: float) -> None:
    # Of those who do it to a new file at once SQLite lets one, and fails the others without a wait.
    end = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(WAL_STEP)
