"""Driver connections with what the drivers lack: required TLS, one error for lost connections, no leaks."""

import asyncio
import os
import socket
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock, Thread
from typing import Any, Self, TypeVar

import aiomysql
import aiosqlite
from aiomysql.connection import CLIENT, CR
from aiosqlite import core

from db import errors, response_budget
from db.response_budget import ResponseBudget

T = TypeVar("T")

# Error numbers that a client library gives itself; all others come from the server in a complete packet.
CLIENT_ERRORS = range(2000, 3000)
UNREACHABLE, SERVER_LOST = CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_LOST
# SQLAlchemy and the retry rules take these for a lost connection.
LOST = {2006, 2013, 2014, 2055}
QUIT = b"\x01\x00\x00\x00\x01"
# Probes after 30, 40 and 50 idle seconds. Sent data may be unacknowledged for a minute.
KEEPALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 60_000}

# Seconds to wait for the end of a connection.
CLOSING, GIVEN_UP, INTERRUPTS = 1.0, 0.1, 20

# Seconds between two attempts to turn a file to WAL.
WAL_STEP = 0.01

# A new SQLite file is readable by its owner only. SQLite gives -wal, -shm and -journal the same mode.
FILE_MODE = 0o600
CREATING_FILE = Lock()


class MysqlConnection:
    """What aiomysql's and asyncmy's connections have in common here; a mixin that comes before theirs.

    After any failure except an error packet of the server the connection is closed, and the failure is
    OperationalError 2013, whatever the driver or its transport raised: SQLAlchemy then drops the connection,
    and the retry rules apply. If it stayed open, the rest of this answer would be read as the next one.
    """

    # The driver's module with Error and OperationalError.
    driver: Any
    # When the latest command was sent, by time.monotonic().
    sent_at = 0.0
    _encoding: str

    @property
    def is_broken(self) -> bool:
        """Whether an idle connection has ended, or has received what nobody asked for; sends nothing."""
        raise NotImplementedError

    def _stream(self) -> tuple[asyncio.Transport, Callable[[], Awaitable[None]]] | None:
        """The transport and what waits for its end; None if closed."""
        raise NotImplementedError

    def _forget_stream(self) -> None:
        raise NotImplementedError

    async def _log_in(self) -> None:
        raise NotImplementedError

    async def query(self, statement: str | bytes, unbuffered: bool = False) -> Any:
        # Text that cannot be encoded is not sent, so it is no failure of the connection.
        encoded = (
            statement.encode(self._encoding, "surrogateescape") if isinstance(statement, str) else statement
        )
        return await self._answer(super().query(encoded, unbuffered))  # type: ignore[misc]

    async def next_result(self, *arguments: Any, **options: Any) -> Any:
        return await self._answer(super().next_result(*arguments, **options))  # type: ignore[misc]

    async def begin(self) -> None:
        await self._answer(super().begin())  # type: ignore[misc]

    async def commit(self) -> None:
        await self._answer(super().commit())  # type: ignore[misc]

    async def rollback(self) -> None:
        await self._answer(super().rollback())  # type: ignore[misc]

    async def autocommit(self, value: bool) -> None:
        await self._answer(super().autocommit(value))  # type: ignore[misc]

    async def ping(self, reconnect: bool = False) -> None:
        await self._answer(super().ping(reconnect))  # type: ignore[misc]

    async def _answer(self, answer: Awaitable[T]) -> T:
        self.sent_at = time.monotonic()
        try:
            return await answer
        except GeneratorExit:
            # The coroutine was closed: its response would be taken for that of the next statement.
            self.close()
            raise
        except Exception as error:
            code = errors.driver_code(error) if isinstance(error, self.driver.Error) else None
            if code and code not in CLIENT_ERRORS:
                raise
            self.close()
            if code in LOST:
                raise
            raise self._lost(error) from error

    async def open(self, seconds: float) -> Self:
        """Connect and log in within `seconds`. Raises the driver's errors only."""
        try:
            async with asyncio.timeout(seconds):
                await self._log_in()
            self._keep_alive()
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                # Not from the TimeoutError: it is an OSError that says nothing.
                raise self.driver.OperationalError(
                    UNREACHABLE, f"no connection within {seconds:g} s"
                ) from None
            if isinstance(error, self.driver.Error) or not isinstance(error, Exception):
                raise
            raise self._lost(error) from error
        return self

    def _lost(self, error: Exception) -> Exception:
        lost: Exception = self.driver.OperationalError(
            SERVER_LOST, f"connection lost: {type(error).__name__}: {str(error)[:200]}"
        )
        return lost

    def _keep_alive(self) -> None:
        """Let the kernel notice within a minute that the peer has gone, also when nothing is sent."""
        stream = self._stream()
        connection = stream[0].get_extra_info("socket") if stream else None
        if connection is None:
            raise ConnectionError("closed while logging in")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in KEEPALIVE.items():
            # Not every system has all of them.
            if hasattr(socket, name):
                connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)

    def close(self) -> None:
        """Close at once: a peer that is gone would delay a TLS goodbye, or what is still to be sent."""
        if stream := self._stream():
            stream[0].abort()
        self._forget_stream()

    async def ensure_closed(self) -> None:
        """Say goodbye and close; with TLS the server's own goodbye is waited for, a little."""
        stream = self._stream()
        if stream is None:
            return
        transport, closed = stream
        try:
            # Whatever goes wrong here, the connection is of no use any more.
            with suppress(Exception):
                transport.write(QUIT)
                transport.close()
                async with asyncio.timeout(CLOSING):
                    await closed()
        finally:
            self.close()


class AiomysqlCursor(aiomysql.Cursor):  # type: ignore[misc]
    """Does not ask the server for a statement's warnings, which aiomysql issues as Python's."""

    async def _show_warnings(self, connection: Any) -> None:
        pass


class AiomysqlConnection(MysqlConnection, aiomysql.Connection):  # type: ignore[misc]
    """aiomysql alone goes on in plain text, password and all, where the server does not support TLS."""

    driver = aiomysql

    @property
    def is_broken(self) -> bool:
        reader = self._reader
        return (
            reader is None
            or self._writer.transport.is_closing()
            or reader.eof_received
            or reader.exception() is not None
            or bool(reader._buffer)
        )

    def _stream(self) -> tuple[asyncio.Transport, Callable[[], Awaitable[None]]] | None:
        writer = self._writer
        return None if writer is None else (writer.transport, writer.wait_closed)

    def _forget_stream(self) -> None:
        self._writer = self._reader = None

    async def _log_in(self) -> None:
        await self._connect()
        # Again: a later aiomysql may no longer call the method below.
        self.require_tls(offered=self._secure)

    async def _request_authentication(self) -> None:
        self.require_tls(offered=bool(self.server_capabilities & CLIENT.SSL))
        await super()._request_authentication()

    def escape(self, obj: Any) -> Any:
        """As PyMySQL's earlier versions and asyncmy do, a tuple is written as `('a', 'b')`."""
        if isinstance(obj, tuple):
            return f"({', '.join(map(str, map(self.escape, obj)))})"
        return super().escape(obj)

    def require_tls(self, *, offered: bool) -> None:
        """Raises OperationalError."""
        if self._ssl_context and not offered:
            raise aiomysql.OperationalError(CR.CR_SSL_CONNECTION_ERROR, "the server does not support TLS")


async def connect_aiomysql(**arguments: Any) -> AiomysqlConnection:
    """Raises aiomysql's errors."""
    connection = AiomysqlConnection(**arguments, cursorclass=AiomysqlCursor)
    return await connection.open(arguments["connect_timeout"])


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
        counted = response_budget.current()
        await self._connection._execute(self._run, sqlite3.Cursor.execute, statement, parameters, counted)

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Raises sqlite3's errors."""
        counted = response_budget.current()
        await self._connection._execute(self._run, sqlite3.Cursor.executemany, statement, parameters, counted)

    async def fetchall(self) -> list[Any]:
        return self._rows

    async def close(self) -> None:
        pass

    def _run(
        self, run: Callable[..., sqlite3.Cursor], statement: str, parameters: Any, counted: ResponseBudget
    ) -> None:
        with closing(self._connection._conn.cursor()) as cursor:
            try:
                run(cursor, statement, parameters)
                self._rows = response_budget.fetch_all(cursor, counted)
            except MemoryError as error:
                # What sqlite3 makes of SQLITE_NOMEM is no error of a database.
                failed = sqlite3.OperationalError("out of memory")
                failed.sqlite_errorcode = sqlite3.SQLITE_NOMEM
                raise failed from error
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
            # The event loop ended before the statement: no caller waits for it any more.
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
