"""Which error means what: what may run again, how often and how soon, and what it is called in the end."""

import random
import sqlite3
from itertools import product
from typing import Any

import aiomysql
import asyncmy.errors
import pytest
import sqlalchemy as sa

from db import errors
from db.engine import retry
from db.engine.deadline import Deadline
from db.engine.retry import (
    CONFLICT,
    DEADLOCK,
    LOCKED,
    LOST,
    OUTDATED,
    SCHEMA_CHANGED,
    STORAGE,
    THROTTLED,
    Attempts,
    Rule,
)

DRIVERS = (aiomysql, asyncmy.errors)
AGAIN = {
    9007: CONFLICT,
    8005: CONFLICT,
    8022: CONFLICT,
    8002: CONFLICT,
    8147: CONFLICT,
    8024: CONFLICT,
    8229: CONFLICT,
    1213: DEADLOCK,
    1205: LOCKED,
    8028: SCHEMA_CHANGED,
    8027: SCHEMA_CHANGED,
    9006: OUTDATED,
    8055: OUTDATED,
    8120: STORAGE,
    9012: STORAGE,
    8252: THROTTLED,
    **dict.fromkeys((9001, 9002, 9003, 9004, 9005, 9008, 9010, 9011), STORAGE),
    **dict.fromkeys((2006, 2013, 2014, 2055), LOST),
}
NEVER = {
    **dict.fromkeys((8004, 8025, 8175, 8253, 8254, 1153), errors.StatementTooLarge),
    **dict.fromkeys((1317, 3024), errors.DeadlineExceeded),
    **dict.fromkeys((8138, 8139, 8140, 8141, 8223, 8133, 8134), errors.DataInconsistency),
    **dict.fromkeys((1044, 1045, 1142, 1143, 1227, 1370, 1820, 3159, 8121), errors.AccessDenied),
    **dict.fromkeys((2002, 2003, 2005, 2026, 1040, 1053, 1203, 1226, 8176, 8249), errors.Unavailable),
    **dict.fromkeys((1290, 1792, 1836, 8220), errors.ReadOnly),
    **dict.fromkeys((1021, 1114), errors.StorageFull),
    **dict.fromkeys((1146, 1054, 1176, 1364), errors.SchemaMismatch),
    **dict.fromkeys((1193, 1231, 1238), errors.UnsupportedServer),
    1049: errors.NoSuchDatabase,
    1064: errors.StatementFailed,
}


def _error(code: Any, message: str = "", driver: Any = aiomysql, *, lost: bool = False) -> sa.exc.DBAPIError:
    """As SQLAlchemy raises it for a driver's error."""
    kind = "IntegrityError" if code in {1062, 1451, 1452, 1048} else "OperationalError"
    original = getattr(driver, kind)(code, message)
    raised: sa.exc.DBAPIError = getattr(sa.exc, kind)("UPDATE", {}, original, connection_invalidated=lost)
    return raised


def _sqlite_error(kind: str, message: str) -> sa.exc.DBAPIError:
    raised: sa.exc.DBAPIError = getattr(sa.exc, kind)("UPDATE", {}, getattr(sqlite3, kind)(message))
    return raised


@pytest.fixture
def longest_waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses' upper bounds; the dice always fall on 0."""
    bounds: list[float] = []

    def uniform(low: float, high: float) -> float:
        bounds.append(high)
        return low

    monkeypatch.setattr(random, "uniform", uniform)
    return bounds


@pytest.mark.parametrize(("code", "driver"), list(product(AGAIN, DRIVERS)))
def test_what_may_run_again(code: int, driver: Any) -> None:
    """By the error's number, whatever its message."""
    assert AGAIN[code] == retry.rule_of(_error(code, "some message", driver))


@pytest.mark.parametrize(("code", "driver"), list(product(NEVER, DRIVERS)))
def test_what_never_runs_again(code: int, driver: Any) -> None:
    """Each has its own name in the end."""
    error = _error(code, "some message", driver)

    assert retry.rule_of(error) is None
    assert NEVER[code] is type(retry.translate(error))


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        ("rpc error [try again later]", CONFLICT),
        ("pessimistic lock retry limit reached", CONFLICT),
        ("lock wait timeout", LOCKED),
        ("unknown error", None),
        ("", None),
    ],
)
def test_an_unknown_error_runs_again_only_by_its_message(message: str, rule: Rule | None) -> None:
    """1105 is TiDB's number for everything that has none."""
    assert rule == retry.rule_of(_error(1105, message))


def test_a_lazy_check_that_found_a_duplicate_does_not_run_again() -> None:
    """8147 with 1062 inside, and not in the digits of a timestamp, is the duplicate."""
    duplicate = _error(
        8147,
        "LazyUniquenessCheckFailure: [kv:1062]Duplicate entry 'a' for key 'customers.uq_customers_email'",
    )
    conflict = _error(
        8147, "LazyUniquenessCheckFailure: [kv:9007]Write conflict, txnStartTS=4106258697163964416"
    )
    translated = retry.translate(duplicate)

    assert retry.rule_of(duplicate) is None
    assert isinstance(translated, errors.DuplicateKey)
    assert "email" == translated.column
    assert CONFLICT == retry.rule_of(conflict)


@pytest.mark.parametrize(
    ("error", "column"),
    [
        (_error(1062, "Duplicate entry 'a' for key 'customers.uq_customers_username'"), "username"),
        (_error(1062, "Duplicate entry 'a' for key 'orders.uq_orders_reference'"), "reference"),
        (_error(1062, "Duplicate entry '7' for key 'customers.PRIMARY'"), "primary"),
        (_error(1062, "Duplicate entry 'x' for key 'y' for key 'customers.uq_customers_email'"), "email"),
        (_error(1062, "Duplicate entry 'FOREIGN KEY' for key 'customers.uq_customers_email'"), "email"),
        (
            _error(
                1062, "Duplicate entry 'UNIQUE constraint failed: a.b' for key 'customers.uq_customers_email'"
            ),
            "email",
        ),
        (_sqlite_error("IntegrityError", "UNIQUE constraint failed: customers.username"), "username"),
    ],
)
def test_a_duplicate_names_its_column(error: sa.exc.DBAPIError, column: str) -> None:
    """Whatever the value that the message quotes."""
    translated = retry.translate(error)

    assert isinstance(translated, errors.DuplicateKey)
    assert column == translated.column


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (_error(1451, "Cannot delete or update a parent row"), errors.ForeignKeyViolation),
        (_error(1452, "Cannot add or update a child row"), errors.ForeignKeyViolation),
        (_sqlite_error("IntegrityError", "FOREIGN KEY constraint failed"), errors.ForeignKeyViolation),
        (_error(1048, "Column 'name' cannot be null"), errors.StatementFailed),
        (_sqlite_error("IntegrityError", "NOT NULL constraint failed: a.b"), errors.StatementFailed),
        (_sqlite_error("OperationalError", "database is locked"), errors.Conflict),
        (_sqlite_error("OperationalError", "no such table: x"), errors.SchemaMismatch),
        (_sqlite_error("OperationalError", "no such column: x"), errors.SchemaMismatch),
        (_sqlite_error("OperationalError", "table x has no column named y"), errors.SchemaMismatch),
        (_sqlite_error("OperationalError", 'near "x": syntax error'), errors.StatementFailed),
        (_error(1105, "context canceled"), errors.DeadlineExceeded),
        (_error(1105, "write /tmp/tidb/3: No space left on device"), errors.StorageFull),
        (_error(1105, "[tikv]TiKV disk full, store 4"), errors.StorageFull),
        (_error(1105, "Out Of Memory Quota![conn=1]"), errors.StatementTooLarge),
        (_error(1105, "rpc error: code = Unavailable desc = transport is closing"), errors.Unavailable),
        (_error(1105, "runtime error: index out of range"), errors.StatementFailed),
        (_error("not connected", lost=True), errors.Unavailable),
        (sa.exc.TimeoutError("QueuePool limit"), errors.PoolExhausted),
        (sa.exc.ResourceClosedError("no rows"), errors.StatementFailed),
    ],
)
def test_every_other_error_has_a_name(
    error: sa.exc.SQLAlchemyError, expected: type[errors.DatabaseError]
) -> None:
    """Nothing of SQLAlchemy's gets out of `db`."""
    assert expected is type(retry.translate(error))


def test_a_lost_connection_runs_again_only_if_it_was_there() -> None:
    """SQLAlchemy says so where the driver has no number; one that was never made is no conflict."""
    assert LOST == retry.rule_of(_error("not connected", lost=True))
    assert retry.rule_of(_error(2003, lost=True)) is None


async def test_a_locked_file_is_not_waited_for_again() -> None:
    """Its time-out has passed, and TiDB's row locks alone are worth a second try."""
    attempts = Attempts(Deadline.none(), 12)
    with pytest.raises(errors.Conflict, match="database is locked"):
        await attempts.next(_sqlite_error("OperationalError", "database is locked"))

    assert [] == attempts.reasons


@pytest.mark.parametrize("code", [9007, 1213, 1205, 8028, 9005, 8252, 2013])
async def test_each_reason_has_its_own_number_of_reruns(code: int, longest_waits: list[float]) -> None:
    """After them the error is named, and there is no sleep before that."""
    attempts, rule = Attempts(Deadline.none(), 100), AGAIN[code]
    for _ in range(rule.reruns):
        await attempts.next(_error(code))
    with pytest.raises(rule.exhausted, match=rule.reason):
        await attempts.next(_error(code))

    assert [rule.reason] * rule.reruns == attempts.reasons


async def test_all_reasons_together_are_bounded(longest_waits: list[float]) -> None:
    """Twelve runs are eleven reruns, however the reasons mix."""
    attempts = Attempts(Deadline.none(), 12)
    for index in range(11):
        await attempts.next(_error((9007, 1213)[index % 2]))
    with pytest.raises(errors.Conflict):
        await attempts.next(_error(1213))

    assert 11 == len(attempts.reasons)


async def test_an_error_without_a_rule_ends_at_once() -> None:
    """As ours, with the driver's as its cause."""
    error = _error(1064, "syntax")
    with pytest.raises(errors.StatementFailed) as failed:
        await Attempts(Deadline.none(), 12).next(error)

    assert error is failed.value.__cause__


async def test_pauses_grow_up_to_a_cap(longest_waits: list[float]) -> None:
    """Their upper bounds, in seconds; the lower one is always 0."""
    attempts = Attempts(Deadline.none(), 100)
    for _ in range(CONFLICT.reruns):
        await attempts.next(_error(9007))

    expected = [0.15, 0.225, 0.338, 0.506, 0.759, 1.139, 1.709, 2.0, 2.0, 2.0]
    assert expected == [round(bound, 3) for bound in longest_waits]


def test_pauses_are_jittered_over_their_whole_range() -> None:
    """Transactions that met once are spread from nothing to the cap."""
    waits = [CONFLICT.wait(20) for _ in range(1000)]

    assert all(0 <= wait <= CONFLICT.cap for wait in waits)
    assert min(waits) < 0.1 * CONFLICT.cap
    assert max(waits) > 0.9 * CONFLICT.cap


async def test_there_is_no_sleep_past_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause that would end after it is not begun: the reason is told at once."""
    monkeypatch.setattr(random, "uniform", lambda low, high: high)
    deadline = Deadline.after(0.14)
    with pytest.raises(errors.Conflict, match="write conflict"):
        await Attempts(deadline, 12).next(_error(9007))

    assert 0 < deadline.remaining()
