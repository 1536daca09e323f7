"""Writers that meet: every change is counted once, whoever had to run again."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
import sqlalchemy as sa

from db import customers, domain_errors, errors
from db.batches import order_batches
from db.batches.order_changes import OrderInput
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.models import Customer, Order, orders
from db.money import Money
from db.reader import Transaction
from tests.conftest import KINDS, on_tidb
from tests.factories import create_customer, create_order
from tests.shared_tidb import execute

WRITERS, CHANGES = 16, 400
NUMBERS = itertools.count()
ANEW = [f"ALTER TABLE customers MODIFY COLUMN version {kind} NOT NULL" for kind in ("VARCHAR(20)", "INT")]
new_on_tidb = pytest.mark.parametrize("new_url", KINDS[1:], indirect=True)


@asynccontextmanager
async def database_with(url: str, variable: str) -> AsyncIterator[Database]:
    """Its transactions are not as ours: a variable of the session is set."""

    def set_variable(connection: sa.engine.interfaces.DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(f"SET {variable}")
        cursor.close()

    async with Database(DatabaseUrl.parse(url)) as database:
        sa.event.listen(database.writes.sync_engine, "connect", set_variable)
        yield database


@pytest.fixture
async def optimistic(database_url: str) -> AsyncIterator[Database]:
    """Its transactions take no locks, and find out at COMMIT; only with `on_tidb`."""
    async with database_with(database_url, "tidb_txn_mode = 'optimistic'") as database:
        yield database


async def _rename(transaction: Transaction, customer_id: int) -> Customer:
    return await customers.update(transaction, customer_id, {"name": f"Name {next(NUMBERS)}"})


async def test_every_change_is_counted_once(database: Database) -> None:
    """16 writers, 4 customers, 400 changes; `version` starts at 1."""
    rows = [await create_customer(database) for _ in range(4)]

    async def write(writer: int) -> None:
        for turn in range(CHANGES // WRITERS):
            row = rows[(writer + turn) % len(rows)]
            await database.write(lambda transaction, each=row.id: _rename(transaction, each))

    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    found = await customers.get_many(database.reader(), "id", [row.id for row in rows])

    assert [1 + CHANGES // len(rows)] * len(rows) == [row.version for row in found]


@on_tidb
async def test_a_deadlock_ends_with_both_done(database: Database) -> None:
    """Two transactions take two rows in crossed order: the victim runs again."""
    first, second = await create_customer(database), await create_customer(database)
    barrier, runs = asyncio.Barrier(2), 0

    async def change(transaction: Transaction, *ids: int) -> None:
        nonlocal runs
        runs += 1
        await _rename(transaction, ids[0])
        if runs <= 2:
            await barrier.wait()
        await _rename(transaction, ids[1])

    await asyncio.gather(
        database.write(lambda transaction: change(transaction, first.id, second.id)),
        database.write(lambda transaction: change(transaction, second.id, first.id)),
    )
    found = await customers.get_many(database.reader(), "id", [first.id, second.id])

    assert [3, 3] == [row.version for row in found]
    assert 3 == runs


@on_tidb
async def test_an_optimistic_conflict_runs_again(optimistic: Database) -> None:
    """Both changed the row before either committed: 9007 at COMMIT, for one of the two."""
    customer = await create_customer(optimistic)
    barrier, runs = asyncio.Barrier(2), 0

    async def change(transaction: Transaction) -> int:
        nonlocal runs
        runs += 1
        changed = await _rename(transaction, customer.id)
        if runs <= 2:
            await barrier.wait()
        return changed.version

    versions = await asyncio.gather(*(optimistic.write(change) for _ in range(2)))
    (stored,) = await customers.get_many(optimistic.reader(), "id", [customer.id])

    assert [2, 3] == sorted(versions)
    assert 3 == stored.version
    assert 3 == runs


@on_tidb
async def test_every_optimistic_change_is_counted_once(optimistic: Database) -> None:
    """Without a lock to wait for, writers of one row conflict again and again."""
    customer = await create_customer(optimistic)

    async def write() -> None:
        for _ in range(5):
            await optimistic.write(lambda transaction: _rename(transaction, customer.id))

    await asyncio.gather(*(write() for _ in range(4)))
    (stored,) = await customers.get_many(optimistic.reader(), "id", [customer.id])

    assert 1 + 4 * 5 == stored.version


@on_tidb
async def test_an_optimistic_duplicate_is_found_by_its_statement(optimistic: Database) -> None:
    """Not only at COMMIT, where nobody knows which input it was."""
    await create_customer(optimistic, username="taken")
    with pytest.raises(domain_errors.Taken) as taken:
        await create_customer(optimistic, username="taken")

    assert "username" == taken.value.field


@new_on_tidb
async def test_a_table_that_changes_under_a_transaction_makes_it_run_again(new_url: str) -> None:
    """8028: the transaction began before a column of it was made anew, and touches it after.

    It has one schema all along; READ COMMITTED takes a new one with the statement, unless that is underway.
    """
    async with database_with(new_url, "transaction_isolation = 'REPEATABLE-READ'") as database:
        await migrate.upgrade(database)
        customer = await create_customer(database)
        runs = 0

        async def change(transaction: Transaction) -> Customer:
            nonlocal runs
            runs += 1
            await transaction.fetch(sa.select(orders.c.id))
            if runs == 1:
                await execute(new_url, "; ".join(ANEW))
            return await _rename(transaction, customer.id)

        changed = await database.write(change)
        stored = await customers.get_many(database.reader(), "id", [customer.id])

    assert 2 == runs
    assert 2 == changed.version
    assert [changed] == stored


@new_on_tidb
async def test_ddl_waits_for_a_transaction_that_uses_the_table(new_url: str) -> None:
    """By TiDB's metadata lock the transaction ends as it began, in one run, and then the DDL does."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        customer = await create_customer(database)
        altering, runs = [], 0

        async def change(transaction: Transaction) -> Customer:
            nonlocal runs
            runs += 1
            await _rename(transaction, customer.id)
            altering.append(asyncio.create_task(execute(new_url, "; ".join(ANEW))))
            await asyncio.wait(altering, timeout=0.3)

            assert not altering[0].done()
            return await _rename(transaction, customer.id)

        changed = await database.write(change)
        await altering[0]

    assert 1 == runs
    assert 3 == changed.version


async def test_a_lock_of_someone_else_is_waited_for_only_so_long(database_url: str) -> None:
    """Past it comes Conflict, well before the deadline; and then nothing of ours is locked."""
    limits = Limits(lock_timeout=1)
    url = DatabaseUrl.parse(database_url)
    async with Database(url, limits) as database, Database(url) as other:
        customer = await create_customer(database)
        deadline = Deadline.after(20)
        async with other.writes.begin() as connection:
            await connection.execute(sa.text("UPDATE customers SET name = 'Held'"))
            started = time.monotonic()
            with pytest.raises(errors.Conflict):
                await database.write(lambda transaction: _rename(transaction, customer.id), deadline)
            waited = time.monotonic() - started
        changed = await database.write(lambda transaction: _rename(transaction, customer.id))

    assert 1 <= waited
    assert 0 < deadline.remaining()
    assert 2 == changed.version


@on_tidb
async def test_a_batch_knows_its_own_rows_among_others(database: Database) -> None:
    """TiDB hands out ids row by row: those of one INSERT do not follow each other while others insert."""
    other, customer = await create_customer(database), await create_customer(database)
    await create_order(database, other)
    ended = asyncio.Event()

    async def create(transaction: Transaction) -> list[Order]:
        sent = [OrderInput({"customer_id": customer.id}, Money(Decimal(n), "EUR"), ()) for n in range(200)]
        return [item.row for item in await order_batches.create(transaction, sent, True)]

    async def insert_all_the_time() -> None:
        columns = ", ".join(column.name for column in orders.c if column.name != "id")
        several = " CROSS JOIN ".join(f"(SELECT 1 {'UNION ALL SELECT 1 ' * 20}) t{n}" for n in range(3))
        chosen = f"SELECT {columns} FROM orders CROSS JOIN {several} WHERE customer_id = {other.id}"
        many = f"INSERT INTO orders ({columns}) {chosen}"
        async with database.writes.connect() as connection:
            while not ended.is_set():
                await connection.exec_driver_sql(many)
                await connection.rollback()

    inserting = asyncio.create_task(insert_all_the_time())
    told = [order for _ in range(20) for order in await database.write(create)]
    ended.set()
    await inserting
    statement = sa.select(orders).where(orders.c.customer_id == customer.id)
    stored = {row.id: Order._make(row) for row in await database.reader().fetch(statement)}

    assert stored == {order.id: order for order in told}
