"""What can go wrong below the resolvers; a driver's error becomes one of these only here and in retry.

DatabaseError
├── Unavailable          the database cannot be reached or is too busy; try again later
│   ├── PoolExhausted    every connection was in use for the pool's whole time-out
│   ├── NoSuchDatabase   the server answers, and has no database of this name
│   └── AccessDenied     the server answers, and refuses this user or this statement
├── BadPath              SQLite's file cannot be where it is said to be
├── DeadlineExceeded     the request's time is over
├── Conflict             others kept changing the same rows, or held them locked
├── OutcomeUnknown       the connection was lost while COMMIT was on its way
├── StatementFailed      the database refused a statement: a bug, or a limit of its own
│   └── Inconsistent     TiDB found its own data inconsistent: page somebody
├── Overtaken            others stored what was about to be stored; run the transaction again
├── BrokenConstraint     a statement broke a constraint of a table
│   ├── DuplicateKey     a value that must be unique is taken
│   └── BrokenReference  a foreign key points at nothing, or would
├── BadCursor            a cursor that this server did not give for this field
├── UnknownTimeZone, BeyondCalendar
├── TooManyBuckets, TooManyGroups
├── AsOfUnavailable      the database cannot be read as of that moment
└── Refused              a rule says no; the user can mend it, and nothing was written
    ├── NotFound         the object named by an input is not there
    ├── Taken            another object has this unique value
    ├── KeyReused        the idempotency key belongs to another change
    ├── VersionConflict  the caller changes an older version than there is
    ├── BatchRefused, Repeated
    ├── CustomerArchived, CustomerHasOrders, OtherCustomer, NothingExpected
    ├── IllegalTransition, NotEditable, NotDeletable
    ├── HasLines         an order that has lines is changed by its lines only
    └── AmountOutOfRange, MixedCurrencies
"""

from dataclasses import dataclass
from typing import Any


class DatabaseError(Exception):
    """The root of everything that `db` raises on purpose.

    With a `retry_after`, in seconds, nothing was written, and the same may succeed after such a pause.
    """

    retry_after: float | None = None


class Unavailable(DatabaseError):
    """The database cannot be reached or is too busy; nothing was written."""


class PoolExhausted(Unavailable):
    """No connection became free within the pool's time-out."""


class NoSuchDatabase(Unavailable):
    """The URL names a database that is not there."""


class AccessDenied(Unavailable):
    """The user or the password is wrong, or a privilege is missing."""


class BadPath(DatabaseError):
    """The folder of SQLite's file is not there, or no file can have this name."""


class DeadlineExceeded(DatabaseError):
    """The request's deadline passed; nothing was written."""


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


class Inconsistent(StatementFailed):
    """TiDB reports inconsistent data (8141, 8138-8140, 8223)."""


class Overtaken(DatabaseError):
    """Others have stored a key that was free a moment ago; the transaction is run again, and sees it."""


class BrokenConstraint(DatabaseError):
    """A statement broke a constraint."""


@dataclass(eq=False)
class DuplicateKey(BrokenConstraint):
    """`column` must be unique; `primary` stands for the primary key."""

    column: str


class BrokenReference(BrokenConstraint):
    """A foreign key would point at nothing."""


class BadCursor(DatabaseError):
    """The cursor is not one of this field, sort and filter."""


class UnknownTimeZone(DatabaseError):
    """The tz database has no zone of this name."""


class BeyondCalendar(DatabaseError):
    """Days, weeks and months are not cut in years as far off as these."""


class TooManyBuckets(DatabaseError):
    """The time to be summed up has more days, weeks or months than are shown."""


class TooManyGroups(DatabaseError):
    """A summary has more groups than are shown; none is left out silently."""


class AsOfUnavailable(DatabaseError):
    """A moment that cannot be read: its message, a sentence for the client, says why."""


class Refused(DatabaseError):
    """A rule says no. `field` names the input's field, in snake_case; None is the whole input."""

    field: str | None


@dataclass(eq=False)
class NotFound(Refused):
    """`id` names no `kind` (a table's row class, as GraphQL calls it)."""

    kind: str
    id: int
    field: str | None = "id"


@dataclass(eq=False)
class Taken(Refused):
    """Another object has `value` in its unique `field`."""

    field: str | None
    value: str


@dataclass(eq=False)
class KeyReused(Refused):
    """The caller has used `key` before, for another input or another `mutation`."""

    key: str
    mutation: str
    field: str | None = "idempotency_key"


@dataclass(eq=False)
class VersionConflict(Refused):
    """`current` is the row as it is now, `since` the Changes that came after the `expected` version."""

    current: Any
    since: tuple[Any, ...]
    expected: int
    field: str | None = "expected_version"


@dataclass(eq=False)
class Repeated(Refused):
    """An earlier item of the same batch, not refused, has the same value in its unique `field`."""

    field: str | None


@dataclass(eq=False)
class NothingExpected(Refused):
    """A version is expected of an object that is not there."""

    field: str | None = "expected_version"


@dataclass(eq=False)
class OtherCustomer(Refused):
    """The order belongs to another customer, and stays there."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class BatchRefused(Refused):
    """Items were refused, so that nothing of the batch was stored; `items` says which."""

    items: tuple[Any, ...]
    field: str | None = "items"


@dataclass(eq=False)
class CustomerArchived(Refused):
    """An archived customer gets no new orders."""

    field: str | None = "customer_id"


@dataclass(eq=False)
class CustomerHasOrders(Refused):
    """Only a customer without orders can be deleted."""

    field: str | None = "id"


@dataclass(eq=False)
class IllegalTransition(Refused):
    """The order's status does not lead where it was asked to go."""

    current: str
    wanted: str
    allowed: tuple[str, ...]
    field: str | None = "to"


@dataclass(eq=False)
class NotEditable(Refused):
    """Lines and total change only while the order is PENDING."""

    status: str
    field: str | None


@dataclass(eq=False)
class NotDeletable(Refused):
    """An order is deleted only while PENDING or CANCELLED."""

    status: str
    field: str | None = "id"


@dataclass(eq=False)
class HasLines(Refused):
    """The total of an order that has lines follows from them."""

    field: str | None = "total"


@dataclass(eq=False)
class AmountOutOfRange(Refused):
    """A product or a sum is past what an amount can hold."""

    field: str | None


@dataclass(eq=False)
class MixedCurrencies(Refused):
    """The lines of one order have one currency."""

    field: str | None = "lines"


def driver_code(error: Any) -> int | None:
    """The MySQL error number of a driver's error, or None where it has none."""
    arguments = getattr(error, "args", ())
    code = arguments[0] if arguments else None
    return code if isinstance(code, int) else None
