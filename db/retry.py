"""Which errors of a transaction may be answered by running it again, how often and how soon.

The codes are TiDB's and MySQL's; their meaning is in TiDB's documentation, "Error Codes and Troubleshooting".
"""

import asyncio
import random
import time
from dataclasses import dataclass
from math import inf

import sqlalchemy as sa

from db import errors
from db.deadline import Deadline


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
        """What is told when there is no other run."""
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

DUPLICATE, LAZY_CHECK = 1062, 8147
RULES = (
    dict.fromkeys((9007, 8005, 8022, 8002, LAZY_CHECK), CONFLICT)
    | {1213: DEADLOCK, 1205: LOCKED, 8252: THROTTLED}
    | dict.fromkeys((8027, 8028), SCHEMA_CHANGED)
    | dict.fromkeys((9001, 9002, 9003, 9004, 9005, 9008, 9010, 9011), STORAGE)
    | dict.fromkeys((2006, 2013, 2014, 2055), LOST)
)
UNREACHABLE = {1040, 1053, 2002, 2003, 2005, 2026}
INCONSISTENT = {8138, 8139, 8140, 8141, 8223}
TOO_SLOW = {1317, 3024}
DENIED = {1044, 1045, 1142, 1227, 1698, 8121}
NO_DATABASE = 1049
OURS: tuple[tuple[set[int], type[errors.DatabaseError]], ...] = (
    (INCONSISTENT, errors.Inconsistent),
    (TOO_SLOW, errors.DeadlineExceeded),
    (DENIED, errors.AccessDenied),
    ({NO_DATABASE}, errors.NoSuchDatabase),
)
MISSING_REFERENCE = {1451, 1452}
# 1105 is TiDB's number for everything that has none; a lock's, too, where its time is up in the store.
UNKNOWN_ERROR = 1105
BY_MESSAGE = {
    "[try again later]": CONFLICT,
    "pessimistic lock retry limit reached": CONFLICT,
    "lock wait timeout": LOCKED,
}


def rule_of(error: sa.exc.DBAPIError) -> Rule | None:
    """The rule for an error that the driver raised before COMMIT was sent, None: do not run again."""
    code = errors.driver_code(error.orig)
    message = str(error.orig)
    if breaks_constraint(error):
        return None
    if code == UNKNOWN_ERROR:
        return next((rule for text, rule in BY_MESSAGE.items() if text in message), None)
    if code in RULES:
        return RULES[code]
    if "database is locked" in message:
        return LOCKED_FILE
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
        return errors.PoolExhausted("every connection is in use")
    if not isinstance(error, sa.exc.DBAPIError):
        return errors.StatementFailed(type(error).__name__)
    if breaks_constraint(error):
        return _broken_constraint(error)
    code = errors.driver_code(error.orig)
    if code == UNKNOWN_ERROR and "context canceled" in str(error.orig):
        return errors.DeadlineExceeded(code)
    for codes, ours in OURS:
        if code in codes:
            return ours(str(error.orig.args[1]) if error.orig else "")
    if code in UNREACHABLE or error.connection_invalidated:
        return errors.Unavailable(f"the database cannot be reached: {_reason(error.orig)}")
    rule = rule_of(error)
    return rule.error() if rule else errors.StatementFailed(str(error.orig))


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
        return errors.BrokenReference()
    if code in {DUPLICATE, LAZY_CHECK}:
        key = message.rpartition("for key '")[2].partition("'")[0]
        table, _, name = key.partition(".")
        return errors.DuplicateKey(name.removeprefix(f"uq_{table}_").lower())
    if message.startswith("UNIQUE constraint failed: "):
        return errors.DuplicateKey(message.rpartition(".")[2])
    return errors.StatementFailed(message)
