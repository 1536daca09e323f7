"""Errors of the database and of reading it. Only `db/engine/retry.py` translates a driver's error to these.

Violations of business rules are no DatabaseErrors: see `db/domain_errors.py`.

DatabaseError
├── Unavailable            the database cannot be reached or is too busy; try again later
│   ├── PoolExhausted      no connection of the pool became free in time
│   ├── MemoryExhausted    the memory for responses is used up
│   ├── NoSuchDatabase     the server has no database of this name
│   ├── AccessDenied       wrong user or password, or a missing privilege
│   ├── SchemaMismatch     the tables are not those that this program needs
│   ├── UnsupportedServer  the server does not support a required session variable
│   ├── ReadOnly           the database takes no changes
│   └── StorageFull        a disk is full
├── InvalidFilePath        SQLite's file cannot be at this path
├── DeadlineExceeded       the request's deadline has passed
├── ResponseTooLarge       the rows read, or the response built, exceed the limit
├── Conflict               write conflicts or lock waits used up the retries
├── OutcomeUnknown         the connection was lost during COMMIT
├── StatementFailed        the database rejected a statement: a bug, or a limit of the database
│   └── DataInconsistency  the database found its own data damaged; alert an operator
├── StatementTooLarge      a statement or transaction exceeds the database's limits
├── ConcurrentInsert       another transaction inserted the same key; the transaction is retried
├── ConstraintViolation
│   ├── DuplicateKey
│   └── ForeignKeyViolation
├── RowLevelSecurityViolation  a write restricted to one customer would store another one's row
├── InvalidCursor          the cursor belongs to another field or to other arguments
├── UnknownTimeZone, DateOutOfRange, TooManyBuckets, TooManyGroups
├── ParentDeleted          the object that a row belongs to was deleted after the row was read
└── AsOfUnavailable        the database cannot be read as of that timestamp
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

# After these errors the file is opened again: it may have been replaced, or the connection may be broken.
SQLITE_REOPEN = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}


class DatabaseError(Exception):
    """The base class of this module.

    With `retry_after` nothing was written, and a retry after that many seconds may succeed.
    """

    retry_after: float | None = None


class Unavailable(DatabaseError):
    """The database cannot be reached or is too busy; nothing was written."""


class PoolExhausted(Unavailable):
    """No connection became free within the pool's time-out."""


class MemoryExhausted(Unavailable):
    """The memory for responses is used up."""


class NoSuchDatabase(Unavailable):
    """The server has no database of this name."""


class AccessDenied(Unavailable):
    """The user or the password is wrong, or a privilege is missing."""


class SchemaMismatch(Unavailable):
    """A table or column is missing, or the schema needs a newer program."""


class UnsupportedServer(Unavailable):
    """A required session variable cannot be set: the server has another version, or is no TiDB."""


class ReadOnly(Unavailable):
    """The database takes no changes: a replica, TiDB in read-only mode, a file without write permission."""


class StorageFull(Unavailable):
    """The database has no space left for a change, or for the temporary files of a query."""


class InvalidFilePath(DatabaseError):
    """The folder of SQLite's file does not exist, or the file name is invalid."""


class DeadlineExceeded(DatabaseError):
    """The request's deadline passed; nothing was written."""


class ResponseTooLarge(DatabaseError):
    """The rows read for a response, or its JSON, exceed `limit` bytes."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class Conflict(DatabaseError):
    """The retries are used up, or a lock could not be acquired; nothing was written."""


class OutcomeUnknown(DatabaseError):
    """The connection was lost during COMMIT: the change may or may not have been applied.

    Sent again with the idempotency `key`, it is applied once.
    """

    def __init__(self, reason: str, key: str | None = None) -> None:
        super().__init__(reason)
        self.key = key


class StatementFailed(DatabaseError):
    """The database rejected a statement, and would reject it again."""


class DataInconsistency(StatementFailed):
    """TiDB reports inconsistent data (8141, 8138-8140, 8223), or SQLite a damaged file."""


class StatementTooLarge(DatabaseError):
    """A statement or transaction needs more memory or space than the database allows; nothing was written."""


class ConcurrentInsert(DatabaseError):
    """Another transaction inserted the same unique key; the transaction is retried and finds the row."""


class ConstraintViolation(DatabaseError):
    """A statement violated a constraint."""


@dataclass(eq=False)
class DuplicateKey(ConstraintViolation):
    """The value of the unique `column` is taken; `primary` stands for the primary key."""

    column: str


class ForeignKeyViolation(ConstraintViolation):
    """A foreign key would refer to no row."""


class RowLevelSecurityViolation(DatabaseError):
    """A write restricted to one customer would store another customer's row."""


class InvalidCursor(DatabaseError):
    """The cursor belongs to another field, sort or filter."""


class UnknownTimeZone(DatabaseError):
    """The tz database has no time zone of this name."""


class DateOutOfRange(DatabaseError):
    """The year is too far off for time buckets."""


class TooManyBuckets(DatabaseError):
    """The time range has too many days, weeks or months."""


class TooManyGroups(DatabaseError):
    """A summary has too many groups; none is left out silently."""


class ParentDeleted(DatabaseError):
    """The parent of a row was deleted after the row was read, and the row with it."""


class AsOfUnavailable(DatabaseError):
    """The read timestamp cannot be used; the message is for the client and says why."""


def driver_code(error: Any) -> int | None:
    """The MySQL error number of a driver's error, or None where it has none."""
    arguments = getattr(error, "args", ())
    code = arguments[0] if arguments else None
    return code if isinstance(code, int) else None


def sqlite_code(error: BaseException | None) -> int | None:
    """SQLite's primary result code, None for another database's error."""
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF
