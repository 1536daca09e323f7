"""Driver errors: which ones a transaction is run again for, how often and how soon, and what the others mean.

The codes are TiDB's and MySQL's, explained in TiDB's documentation, "Error Codes and Troubleshooting", and
SQLite's, in its own, "Result and Error Codes".
"""

import asyncio
import random
import sqlite3
import time
from dataclasses import dataclass
from math import inf

import sqlalchemy as sa

from db import errors
from db.engine.deadline import Deadline


@dataclass(frozen=True, slots=True)
class Rule:
    """Run again at most `reruns` times, after a pause that grows from `pause` seconds to `cap`."""

    reason: str
    reruns: int
    exhausted: type[errors.DatabaseError]
    pause: float = 0.1
    cap: float = 2.0

    def wait(self, rerun: int) -> float:
        """Full jitter: transactions that met once must not meet again."""
        return random.uniform(0, self._longest(rerun))  # noqa: S311

    def error(self, rerun: int = 1) -> errors.DatabaseError:
        """The error to raise when the transaction is not run again."""
        error = self.exhausted(self.reason)
        error.retry_after = self._longest(rerun)
        return error

    def _longest(self, rerun: int) -> float:
        return min(self.cap, self.pause * 1.5**rerun)


CONFLICT = Rule("write conflict", 10, errors.Conflict)
DEADLOCK = Rule("deadlock", 10, errors.Conflict)
LOCKED = Rule("lock wait timeout", 1, errors.Conflict)
# SQLite's: its one writer has waited in our queue already.
LOCKED_FILE = Rule("database is locked", 0, errors.Conflict)
SCHEMA_CHANGED = Rule("schema changed", 5, errors.Unavailable)
STORAGE = Rule("storage unavailable", 4, errors.Unavailable, pause=0.5)
THROTTLED = Rule("resource group throttled", 2, errors.Unavailable, pause=2.0, cap=5.0)
LOST = Rule("connection lost", 3, errors.Unavailable)
# Of a change that carries its key: run again, it is stored once all the same.
UNKNOWN = Rule("outcome unknown", 8, errors.OutcomeUnknown)

OUTDATED = Rule("transaction older than the garbage collection", 1, errors.Unavailable)

DUPLICATE, LAZY_CHECK = 1062, 8147
RULES = (
    dict.fromkeys((9007, 8005, 8022, 8002, 8024, 8229, LAZY_CHECK), CONFLICT)
    | {1213: DEADLOCK, 1205: LOCKED, 3572: LOCKED, 8252: THROTTLED}
    | dict.fromkeys((8027, 8028, 8113), SCHEMA_CHANGED)
    | dict.fromkeys((9001, 9002, 9003, 9004, 9005, 9008, 9010, 9011, 9012, 9013, 8120, 8181), STORAGE)
    | dict.fromkeys((9006, 8055), OUTDATED)
    | dict.fromkeys((2006, 2013, 2014, 2055), LOST)
)
# Errors that no rerun answers, by what they are called. docs/operating.md has the table for operators.
UNREACHABLE = {1040, 1053, 1135, 1158, 1159, 1160, 1161, 1203, 1226, 2002, 2003, 2005, 2026}
CLASSES: dict[type[errors.DatabaseError], tuple[int, ...]] = {
    errors.DataInconsistency: (8003, 8133, 8134, 8138, 8139, 8140, 8141, 8223),
    errors.DeadlineExceeded: (1317, 3024),
    errors.AccessDenied: (
        *(1044, 1045, 1129, 1130, 1142, 1143, 1227, 1251, 1275, 1370, 1524, 1698, 1820, 1862),
        *(3118, 3159, 3955, 8049, 8121, 8132),
    ),
    errors.NoSuchDatabase: (1049,),
    errors.SchemaMismatch: (1051, 1054, 1109, 1136, 1146, 1176, 1364),
    errors.UnsupportedServer: (1115, 1193, 1228, 1229, 1231, 1232, 1238, 1273, 1298, 1621, 8047, 8048, 8136),
    errors.ReadOnly: (1036, 1207, 1223, 1290, 1792, 1836, 8220),
    errors.StorageFull: (1021, 1026, 1114),
    errors.StatementTooLarge: (1104, 1153, 8001, 8004, 8025, 8175, 8178, 8253, 8254),
    errors.Unavailable: (1037, 1038, 1041, 1467, 8020, 8059, 8176, 8249, 8250, 8251),
}
CLASS_OF = {code: kind for kind, codes in CLASSES.items() for code in codes}
MISSING_REFERENCE = {1451, 1452}
# 1105 is TiDB's number for errors without one of their own: the message identifies them, in lower case.
UNKNOWN_ERROR = 1105
BY_MESSAGE = {
    "[try again later]": CONFLICT,
    "pessimistic lock retry limit reached": CONFLICT,
    "lock wait timeout": LOCKED,
    "txnlocknotfound": CONFLICT,
}
CLASS_BY_MESSAGE: dict[str, type[errors.DatabaseError]] = {
    "context canceled": errors.DeadlineExceeded,
    "no space left on device": errors.StorageFull,
    "disk full": errors.StorageFull,
    "disk is full": errors.StorageFull,
    "out of memory quota": errors.StatementTooLarge,
    "rpc error": errors.Unavailable,
    "region unavailable": errors.Unavailable,
    "server is busy": errors.Unavailable,
    "timeout": errors.Unavailable,
}
SQLITE_CLASSES: dict[int, type[errors.DatabaseError]] = {
    sqlite3.SQLITE_READONLY: errors.ReadOnly,
    sqlite3.SQLITE_FULL: errors.StorageFull,
    sqlite3.SQLITE_IOERR: errors.Unavailable,
    sqlite3.SQLITE_CANTOPEN: errors.Unavailable,
    sqlite3.SQLITE_NOMEM: errors.Unavailable,
    sqlite3.SQLITE_PROTOCOL: errors.Unavailable,
    sqlite3.SQLITE_NOLFS: errors.Unavailable,
    sqlite3.SQLITE_PERM: errors.AccessDenied,
    sqlite3.SQLITE_AUTH: errors.AccessDenied,
    sqlite3.SQLITE_CORRUPT: errors.DataInconsistency,
    sqlite3.SQLITE_NOTADB: errors.DataInconsistency,
    sqlite3.SQLITE_TOOBIG: errors.StatementTooLarge,
    sqlite3.SQLITE_INTERRUPT: errors.DeadlineExceeded,
}
SQLITE_LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
SQLITE_MISSING = ("no such table", "no such column", "has no column named")


def rule_of(error: sa.exc.DBAPIError) -> Rule | None:
    """The rule for an error that the driver raised before COMMIT was sent, None: do not run again."""
    code = errors.driver_code(error.orig)
    message = str(error.orig)
    if breaks_constraint(error):
        return None
    if code == UNKNOWN_ERROR:
        return next((rule for text, rule in BY_MESSAGE.items() if text in message.lower()), None)
    if code in RULES:
        return RULES[code]
    if errors.sqlite_code(error.orig) in SQLITE_LOCKED or "database is locked" in message:
        return LOCKED_FILE
    if _class_of(error) is not None:
        return None
    return LOST if error.connection_invalidated and code not in UNREACHABLE else None


class Attempts:
    """Counts the re-runs of a request's transactions and says whether there is another.

    There are less than `limit` of them, for all its transactions, and none `seconds` after the first failed.
    """

    def __init__(self, deadline: Deadline, limit: int, seconds: float = inf) -> None:
        self._deadline = deadline
        self._limit = limit
        self._seconds = seconds
        self._until: float | None = None
        self._by_rule: dict[Rule, int] = {}
        self.reasons: list[str] = []

    async def next(self, error: sa.exc.DBAPIError) -> None:
        """Return when it is time to run again; raise ours for `error` when it must not be."""
        rule = rule_of(error)
        if rule is None:
            raise translate(error) from error
        await self.after(rule, error)

    async def after(self, rule: Rule, error: Exception) -> None:
        """The same by the rule itself; raises its error when the budget is used up."""
        rerun = self._by_rule[rule] = self._by_rule.get(rule, 0) + 1
        wait = rule.wait(rerun)
        spent = rerun > rule.reruns or len(self.reasons) + 1 >= self._limit
        if spent or wait >= min(self._deadline.remaining(), self._left()):
            raise rule.error(rerun) from error
        self.reasons.append(rule.reason)
        await asyncio.sleep(wait)

    def _left(self) -> float:
        now = time.monotonic()
        self._until = now + self._seconds if self._until is None else self._until
        return self._until - now


def translate(error: sa.exc.SQLAlchemyError) -> errors.DatabaseError:
    """Ours for a driver's error that ends the work."""
    if isinstance(error, sa.exc.TimeoutError):
        return errors.PoolExhausted("all connections are in use")
    if not isinstance(error, sa.exc.DBAPIError):
        return errors.StatementFailed(type(error).__name__)
    if breaks_constraint(error):
        return _broken_constraint(error)
    kind = _class_of(error)
    if kind is not None:
        return kind(_message(error.orig))
    if errors.driver_code(error.orig) in UNREACHABLE or error.connection_invalidated:
        return errors.Unavailable(f"the database is not reachable: {_reason(error.orig)}")
    rule = rule_of(error)
    return rule.error() if rule else errors.StatementFailed(str(error.orig))


def _class_of(error: sa.exc.DBAPIError) -> type[errors.DatabaseError] | None:
    """What an error is called that is not run again, None where a rule or nothing says it."""
    code, message = errors.driver_code(error.orig), _message(error.orig).lower()
    if code is not None:
        if code != UNKNOWN_ERROR:
            return CLASS_OF.get(code)
        if any(text in message for text in BY_MESSAGE):
            return None
        return next((kind for text, kind in CLASS_BY_MESSAGE.items() if text in message), None)
    if (message.startswith("table ") and SQLITE_MISSING[-1] in message) or message.startswith(SQLITE_MISSING):
        return errors.SchemaMismatch
    return SQLITE_CLASSES.get(errors.sqlite_code(error.orig) or 0)


def _message(original: BaseException | None) -> str:
    """The driver's, without its number."""
    return str(original.args[-1] if original and original.args else original or "")


def _reason(original: BaseException | None) -> str:
    """One line for operators: the system's where there is one, which aiomysql leaves out of its own."""
    *_, said = ("", *(original.args if original else ()))
    cause = getattr(original, "__cause__", None)
    return " ".join(str(cause if isinstance(cause, OSError) else said).split())


def breaks_constraint(error: sa.exc.DBAPIError) -> bool:
    """Whether a row broke a key; 8147 wraps the duplicate that a lazy check found."""
    if isinstance(error, sa.exc.IntegrityError):
        return True
    return errors.driver_code(error.orig) == LAZY_CHECK and "[kv:1062]" in str(error.orig)


def _broken_constraint(error: sa.exc.DBAPIError) -> errors.DatabaseError:
    # By its code: a message of TiDB's quotes the value, which may say anything.
    # As a tuple's text the message would have its quotes escaped where the value has both kinds.
    code, message = errors.driver_code(error.orig), str(error.orig.args[-1] if error.orig else "")
    if code in MISSING_REFERENCE or message == "FOREIGN KEY constraint failed":
        return errors.ForeignKeyViolation()
    if code in {DUPLICATE, LAZY_CHECK}:
        key = message.rpartition("for key '")[2].partition("'")[0]
        table, _, name = key.partition(".")
        return errors.DuplicateKey(name.removeprefix(f"uq_{table}_").lower())
    if message.startswith("UNIQUE constraint failed: "):
        return errors.DuplicateKey(message.rpartition(".")[2])
    return errors.StatementFailed(message)
