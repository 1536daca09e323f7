"""What can go wrong below the resolvers; a driver's error becomes one of these only here and in retry.

DatabaseError
├── Unavailable          the database cannot be reached or is too busy; try again later
│   ├── PoolExhausted    every connection was in use for the pool's whole time-out
│   ├── MemoryExhausted     there is no memory for the response of this request now
│   ├── NoSuchDatabase   the server answers, and has no database of this name
│   ├── AccessDenied     the server answers, and refuses this user or this statement
│   ├── SchemaMismatch   the tables are not those that this program needs
│   ├── UnsupportedServer the server does not know a variable that must be set, or not its value
│   ├── ReadOnly         the database takes no changes
│   └── StorageFull      a disk is full
├── InvalidFilePath              SQLite's file cannot be where it is said to be
├── DeadlineExceeded     the request's time is over
├── ResponseTooLarge     the rows read, or the response built, exceed the limit
├── Conflict             others kept changing the same rows, or held them locked
├── OutcomeUnknown       the connection was lost while COMMIT was on its way
├── StatementFailed      the database refused a statement: a bug, or a limit of its own
│   └── Inconsistent     the database found its own data damaged: page somebody
├── TooLarge             a statement or transaction beyond the database's own limits; ask for less
├── ConcurrentInsert            others stored what was about to be stored; run the transaction again
├── ConstraintViolation     a statement broke a constraint of a table
│   ├── DuplicateKey     a value that must be unique is taken
│   └── ForeignKeyViolation  a foreign key points at nothing, or would
├── RowLevelSecurityViolation             what may touch one customer's rows would store another's
├── InvalidCursor            a cursor that this server did not give for this field
├── UnknownTimeZone, DateOutOfRange
├── TooManyBuckets, TooManyGroups
├── Gone                 what a row belongs to was deleted after the row was read
├── AsOfUnavailable      the database cannot be read as of that moment
└── Refused              a rule says no: the tree goes on in refusals
"""

import sqlite3
from dataclasses import dataclass
from typing import Any

# After these the file may be another one, or its connection's view of it wrong: the next one opens it again.
SQLITE_REOPEN = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
}


class DatabaseError(Exception):
    """The root of everything that `db` raises on purpose.

    With a `retry_after`, in seconds, nothing was written, and the same may succeed after such a pause.
    """

    retry_after: float | None = None


class Unavailable(DatabaseError):
    """The database cannot be reached or is too busy; nothing was written."""


class PoolExhausted(Unavailable):
    """No connection became free within the pool's time-out."""


class MemoryExhausted(Unavailable):
    """There is no memory for more of the response now."""


class NoSuchDatabase(Unavailable):
    """The URL names a database that is not there."""


class AccessDenied(Unavailable):
    """The user or the password is wrong, or a privilege is missing."""


class SchemaMismatch(Unavailable):
    """A table or column is missing, or the schema is for a newer program: an operator has to act."""


class UnsupportedServer(Unavailable):
    """A session variable that results depend on cannot be set: another version, or another server."""


class ReadOnly(Unavailable):
    """The database takes no changes: a replica, TiDB in read-only mode, a file without write permission."""


class StorageFull(Unavailable):
    """The database has no space left for a change, or for the temporary files of a query."""


class InvalidFilePath(DatabaseError):
    """The folder of SQLite's file is not there, or no file can have this name."""


class DeadlineExceeded(DatabaseError):
    """The request's deadline passed; nothing was written."""


class ResponseTooLarge(DatabaseError):
    """More than `limit` bytes were read, or were to become one response."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"more than {limit} bytes")
        self.limit = limit


class Conflict(DatabaseError):
    """The budget of re-runs is used up, or a lock was not to be had; nothing was written."""


class OutcomeUnknown(DatabaseError):
    """COMMIT was sent and its answer never came: the change is there, or it is not.

    With its `key` it can be sent again, and is carried out once.
    """

    def __init__(self, reason: str, key: str | None = None) -> None:
        super().__init__(reason)
        self.key = key


class StatementFailed(DatabaseError):
    """The database refused a statement for a reason that a re-run does not mend."""


class DataInconsistency(StatementFailed):
    """TiDB reports inconsistent data (8141, 8138-8140, 8223), or SQLite a damaged file."""


class StatementTooLarge(DatabaseError):
    """A statement or transaction needs more memory or space than the database allows; nothing was written."""


class ConcurrentInsert(DatabaseError):
    """Others have stored a key that was free a moment ago; the transaction is run again, and sees it."""


class ConstraintViolation(DatabaseError):
    """A statement broke a constraint."""


@dataclass(eq=False)
class DuplicateKey(ConstraintViolation):
    """`column` must be unique; `primary` stands for the primary key."""

    column: str


class ForeignKeyViolation(ConstraintViolation):
    """A foreign key would point at nothing."""


class RowLevelSecurityViolation(DatabaseError):
    """A row of this table would be somebody else's than the one customer's whose rows may be touched."""


class InvalidCursor(DatabaseError):
    """The cursor is not one of this field, sort and filter."""


class UnknownTimeZone(DatabaseError):
    """The tz database has no zone of this name."""


class DateOutOfRange(DatabaseError):
    """Days, weeks and months are not cut in years as far off as these."""


class TooManyBuckets(DatabaseError):
    """The time to be summed up has more days, weeks or months than are shown."""


class TooManyGroups(DatabaseError):
    """A summary has more groups than are shown; none is left out silently."""


class ParentDeleted(DatabaseError):
    """What a row belongs to is no longer there, and so the row is not either."""


class AsOfUnavailable(DatabaseError):
    """A moment that cannot be read: its message, a sentence for the client, says why."""


def driver_code(error: Any) -> int | None:
    """The MySQL error number of a driver's error, or None where it has none."""
    arguments = getattr(error, "args", ())
    code = arguments[0] if arguments else None
    return code if isinstance(code, int) else None


def sqlite_code(error: BaseException | None) -> int | None:
    """SQLite's primary result code, None for another database's error."""
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    return None if extended is None else extended & 0xFF
