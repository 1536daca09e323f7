"""Statements that nobody waits for any more end: by their own time limit, by KILL QUERY, by an interrupt."""

import asyncio
import sqlite3
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.drivers import connect_aiosqlite
from db.engine.pools import Limits
from db.engine.statement_timeout import DEADLINE
from db.engine.urls import DatabaseUrl
from db.models import customers as table
from db.reader import Transaction
from tests.api import Api
from tests.conftest import KINDS
from tests.factories import create_customer, create_order
from tests.shared_tidb import Statements

PATIENCE = 20
ENDLESS = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT COUNT(*) FROM n"
# Behind WITH, so that it is ended by nothing but a KILL.
SLEEPING = "WITH n AS (SELECT SLEEP(300) AS slept) SELECT slept FROM n"
LONG = "COUNT(*) FROM customers a, customers b, customers c, customers d, customers e, customers f"


def slow(database: Database) -> sa.TextClause:
    return sa.text(ENDLESS if database.url.is_sqlite else SLEEPING)


async def running(database: Database) -> list[str]:
    """What the database runs at this moment, without this look at it; SQLite keeps no list."""
    if database.url.is_sqlite:
        return []
    async with database.reads.connect() as connection:
        rows = await connection.exec_driver_sql("SHOW PROCESSLIST")
        return [row.Info for row in rows if row.db == database.url.database and "SLEEP" in str(row.Info)]


async def started(database: Database, task: "asyncio.Task[Any]") -> None:
    async with asyncio.timeout(PATIENCE):
        while not database.url.is_sqlite and not await running(database):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
    assert not task.done()


async def ended(database: Database) -> None:
    """It does so within a second. Raises TimeoutError."""
    async with asyncio.timeout(1):
        while await running(database):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def cancelled(task: "asyncio.Task[Any]") -> None:
    task.cancel()
    async with asyncio.timeout(PATIENCE):
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_cancelled_read_ends_on_the_server(database: Database) -> None:
    """The statement is gone from the process list, and the next one gets a clean connection."""
    read = asyncio.create_task(database.reader().fetch(slow(database)))
    await started(database, read)
    await cancelled(read)
    await ended(database)
    rows = await database.reader().fetch(sa.text("SELECT 1"))

    assert [(1,)] == [tuple(row) for row in rows]


async def test_a_statement_that_has_not_begun_is_stopped_too(tmp_path: Path) -> None:
    """An interrupt that comes before SQLite's thread has turned to it would be lost."""
    before, busy = set(threading.enumerate()), threading.Event()
    connection = await connect_aiosqlite(str(tmp_path / "other.db"))
    held = asyncio.create_task(connection._execute(busy.wait))
    await asyncio.sleep(0)
    statement = asyncio.create_task(connection.execute(ENDLESS))
    await asyncio.sleep(0)
    await cancelled(statement)
    closing = asyncio.create_task(connection.close())
    await asyncio.sleep(0.02)
    busy.set()
    await asyncio.gather(held, closing)
    async with asyncio.timeout(1):
        while set(threading.enumerate()) - before:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_deadline_ends_a_read_on_the_server(database: Database) -> None:
    """Its statement does not run on after DeadlineExceeded."""
    with pytest.raises(errors.DeadlineExceeded):
        await database.reader(Deadline.after(0.3)).fetch(slow(database))

    await ended(database)


async def test_nothing_is_sent_after_the_deadline(database: Database, statements: Statements) -> None:
    """A reader whose time is over does not ask the database at all."""
    with pytest.raises(errors.DeadlineExceeded):
        await database.reader(Deadline.after(0)).fetch(sa.text("SELECT 1"))

    assert [] == statements


async def test_a_cancelled_write_ends_and_leaves_no_lock(database: Database) -> None:
    """What it had changed is undone, and the row can be written again."""
    customer = await create_customer(database, name="Before")

    async def work(transaction: Transaction) -> None:
        await customers.update(transaction, customer.id, {"name": "After"})
        await transaction.fetch(slow(database))

    write = asyncio.create_task(database.write(work))
    await started(database, write)
    await cancelled(write)
    await ended(database)
    (stored,) = await customers.get_many(database.reader(), "id", [customer.id])
    again = await database.write(lambda each: customers.update(each, customer.id, {"name": "Again"}))

    assert "Before" == stored.name
    assert "Again" == again.name


async def test_only_the_cancelled_statement_ends(database: Database) -> None:
    """Of two that run, the other one goes on."""
    first, second = (asyncio.create_task(database.reader().fetch(slow(database))) for _ in range(2))
    await started(database, second)
    await cancelled(first)
    await asyncio.sleep(0.5)

    assert not second.done()

    await cancelled(second)
    await ended(database)


@pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
def test_a_statement_may_outlive_the_event_loop(database_url: str) -> None:
    """One that waits for another process's lock ends after all else, without a word, and closes its file."""
    before = set(threading.enumerate())

    async def give_up() -> set[threading.Thread]:
        limits = Limits(lock_timeout=1)
        async with Database(DatabaseUrl.parse(database_url), limits) as database:
            with pytest.raises(errors.DeadlineExceeded):
                await create_customer_within(database, 0.2)
            return set(threading.enumerate()) - before

    with sqlite3.connect(database_url.removeprefix("sqlite:///"), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        # What a thread raises, and a connection that nobody closed, are errors to pytest.
        (waiting,) = asyncio.run(give_up())
        waiting.join(PATIENCE)
    other.close()

    assert not waiting.is_alive()


async def create_customer_within(database: Database, seconds: float) -> None:
    values = {"username": "late", "name": "Late"}
    await database.write(lambda each: customers.insert(each, values), Deadline.after(seconds))


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT {LONG}",
        f"SELECT 1 UNION ALL (SELECT {LONG})",
        f"SELECT 1 FROM (SELECT {LONG}) x UNION ALL SELECT 2",
        f"SELECT x.* FROM ((SELECT {LONG}) UNION ALL (SELECT {LONG})) x",
    ],
)
async def test_tidb_itself_ends_a_select_at_the_deadline(database: Database, statement: str) -> None:
    """The hint in its first SELECT bounds the whole statement, also where no client is left to kill it."""
    if database.url.is_sqlite:
        pytest.skip("SQLite runs in this process")
    rows = [{"username": f"u{n}", "name": "n", "version": 1} for n in range(100)]
    await database.write(lambda transaction: transaction.execute(table.insert(), _stamped(rows)))
    async with database.reads.connect() as connection:
        options = {DEADLINE: Deadline.after(0.2)}
        with pytest.raises(sa.exc.OperationalError) as raised:
            await connection.execute(sa.text(statement), execution_options=options)

    # TiDB says either, by where in the plan the limit was noticed.
    assert errors.driver_code(raised.value.orig) in {3024, 1105}


def _stamped(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    moment = datetime.now(UTC)
    return [{**row, "created_at": moment, "updated_at": moment} for row in rows]


async def test_every_select_of_a_request_has_its_time_limit(
    database: Database, api: Api, statements: Statements
) -> None:
    """Pages, looks, counts and relations, whatever shape their statement has; on SQLite none has."""
    for _ in range(2):
        await create_order(database, await create_customer(database))
    statements.clear()
    await api.data(
        "{ customers { totalCount { value } nodes { orders(first: 1) { totalCount { value } nodes {"
        " lines { sku } customer { name } } } } } }"
    )
    limited = [text for text in statements if text.startswith("SELECT /*+ MAX_EXECUTION_TIME(")]

    assert 5 == len(statements)
    assert (0 if database.url.is_sqlite else 5) == len(limited)
