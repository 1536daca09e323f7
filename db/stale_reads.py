"""Stale reads: the read timestamps that TiDB accepts, and statements as of one of them."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeVar

import sqlalchemy as sa

from db import errors, models

T = TypeVar("T")

# The execution option that says as of when a statement is read.
AS_OF = "as_of"
MILLISECOND = timedelta(milliseconds=1)
CLOCK = sa.text("SELECT NOW(6)")
# What TIMESTAMP holds, the type that TiDB turns a moment into.
FIRST, LAST = datetime(1970, 1, 2, tzinfo=UTC), datetime(2038, 1, 19, tzinfo=UTC)
# A cluster's timestamps go in steps of 50 ms, so its present may be a little behind its own clock.
CLOCK_SKEW_SECONDS, RETRY_SECONDS = 0.25, 0.01

FUTURE = "asOf is in the future."
NO_SCHEMA = "asOf is before the last change of the database schema."
BEFORE_GC_SAFE_POINT = "asOf is too old: the database no longer has that data."
NO_STALE_READS = "asOf and snapshot require TiDB. This server runs on SQLite."
# No such table, database, column or index; older than the garbage collection's safe point.
REASONS = dict.fromkeys((1146, 1049, 1054, 1176), NO_SCHEMA) | dict.fromkeys(
    (8055, 9006), BEFORE_GC_SAFE_POINT
)
AHEAD = re.compile(r"cannot set read timestamp to a future time(?:, readTS: (\d+), currentTS: (\d+))?")
# A timestamp of TiDB is milliseconds, and below them a counter of this many bits.
COUNTER_BITS = 18


def truncate_to_millisecond(read_timestamp: datetime) -> datetime:
    """The millisecond that `read_timestamp` lies in: TiDB would round to the nearest, perhaps a later one."""
    return read_timestamp.replace(microsecond=read_timestamp.microsecond // 1000 * 1000)


def next_millisecond(read_timestamp: datetime) -> datetime:
    """The first millisecond past `read_timestamp`: what was committed by then is seen as of it."""
    return truncate_to_millisecond(read_timestamp) + MILLISECOND


async def run_stale_read(run: Callable[[], Awaitable[T]]) -> T:
    """What `run`, a statement as of a moment, gives; waits for a moment that is about to come.

    Raises AsOfUnavailable.
    """
    waited = 0.0
    while True:
        try:
            return await run()
        except sa.exc.DBAPIError as error:
            ahead = _ahead(error)
            waited += RETRY_SECONDS + (ahead or 0)
            if ahead is None or waited > CLOCK_SKEW_SECONDS:
                raise _unavailable(error) from error
            await asyncio.sleep(RETRY_SECONDS + ahead)


def check_read_timestamp(read_timestamp: datetime) -> None:
    """Raises AsOfUnavailable for what TiDB's type of a moment does not hold."""
    if not FIRST <= read_timestamp <= LAST:
        raise errors.AsOfUnavailable(NO_SCHEMA if read_timestamp < FIRST else FUTURE)


def add_as_of_timestamp(
    _connection: Any, _cursor: Any, statement: str, parameters: Any, context: Any, _many: bool
) -> tuple[str, Any]:
    """SQLAlchemy's hook before a statement goes out: add AS OF TIMESTAMP where a moment was asked for."""
    read_timestamp = context.execution_options.get(AS_OF) if context else None
    return (statement if read_timestamp is None else as_of(statement, read_timestamp)), parameters


def as_of(statement: str, read_timestamp: datetime) -> str:
    """A SELECT whose every table is read as of `read_timestamp`; the session's time zone is UTC.

    The compiled statement stays the same for all moments, so that SQLAlchemy's cache keeps one of it. A
    table that were forgotten here makes TiDB refuse the whole statement (8135), and so does an alias
    without AS: nothing is ever read from two moments.
    """
    return f" AS OF TIMESTAMP '{read_timestamp:%Y-%m-%d %H:%M:%S.%f}'".join(_pieces(statement))


@lru_cache(1_000)
def _pieces(statement: str) -> tuple[str, ...]:
    """The statement cut behind each of its tables, where TiDB wants the moment: behind the alias too."""
    ends = [found.end() for found in _tables().finditer(statement)]
    if not ends and "FROM" in statement.upper():
        raise errors.StatementFailed("a statement about the past names no table of ours")
    return tuple(statement[a:b] for a, b in zip([0, *ends], [*ends, len(statement)], strict=True))


@lru_cache(1)
def _tables() -> re.Pattern[str]:
    names = "|".join(models.metadata.tables)
    return re.compile(rf"(?:\b(?:FROM|JOIN)|,)\s+(?:{names})\b(?!\.)(?:\s+AS\s+\w+)?", re.IGNORECASE)


def _ahead(error: sa.exc.DBAPIError) -> float | None:
    """How many seconds TiDB's present is before the moment; None when that is not what is wrong."""
    found = AHEAD.search(str(error.orig))
    if not found or not found[1]:
        return None
    return ((int(found[1]) >> COUNTER_BITS) - (int(found[2]) >> COUNTER_BITS)) / 1000


def _unavailable(error: sa.exc.DBAPIError) -> Exception:
    code = errors.driver_code(error.orig)
    reason = FUTURE if AHEAD.search(str(error.orig)) else REASONS.get(code or 0)
    return errors.AsOfUnavailable(reason) if reason else error
