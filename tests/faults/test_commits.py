"""The connection, the client or the time is gone around COMMIT: stored once, or not, and never twice."""

import asyncio
import gc

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.models import Customer
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer
from tests.faults.proxy import TidbProxy


class Work:
    """Inserts a customer called `username`, and counts how often it was asked to."""

    def __init__(self, username: str = "once") -> None:
        self.username = username
        self.runs = 0
        self.inserted = asyncio.Event()

    async def __call__(self, transaction: Transaction) -> Customer:
        self.runs += 1
        values = {"username": self.username, "name": "Name"}
        customer = await customers.insert(transaction, values)
        self.inserted.set()
        return customer

    async def stored(self, database: Database) -> int:
        """How many rows of it there are."""
        return len(await customers.get_many(database.reader(), "username", [self.username]))


@on_tidb
async def test_a_commit_that_never_arrived_is_of_unknown_outcome(proxied: Database, proxy: TidbProxy) -> None:
    """The work is not run again, although nothing was stored: that cannot be known."""
    work = Work()
    await create_customer(proxied)
    proxy.cut_before_commit()
    with pytest.raises(errors.OutcomeUnknown):
        await proxied.write(work)

    assert 1 == work.runs
    assert 0 == await work.stored(proxied)


@on_tidb
async def test_a_commit_without_an_answer_is_of_unknown_outcome(proxied: Database, proxy: TidbProxy) -> None:
    """The work is not run again: it would be stored twice."""
    work = Work()
    await create_customer(proxied)
    proxy.cut_after_commit()
    with pytest.raises(errors.OutcomeUnknown):
        await proxied.write(work)

    assert 1 == work.runs
    assert 1 == await work.stored(proxied)
    assert 0 == proxied.writes.pool.checkedout()


@on_tidb
async def test_a_commit_is_not_waited_for_without_end(
    proxied: Database, proxy: TidbProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that does not answer COMMIT leaves the outcome open, too; the pool is clean afterwards."""
    work, next_work = Work(), Work("next")
    await create_customer(proxied)
    sa.event.listen(proxied.writes.sync_engine, "commit", lambda _: proxy.stall(), once=True)
    with monkeypatch.context() as impatient:
        impatient.setattr("db.engine.database.END_TIMEOUT", 0.2)
        with pytest.raises(errors.OutcomeUnknown):
            await proxied.write(work, Deadline.after(30))
    proxy.resume()
    await proxied.write(next_work)

    assert 1 == work.runs
    assert 1 == await next_work.stored(proxied)
    assert 0 == proxied.writes.pool.checkedout()


@on_tidb
@pytest.mark.parametrize("statement", ["INSERT", "SELECT"])
async def test_a_connection_lost_before_commit_is_no_loss(
    proxied: Database, proxy: TidbProxy, statement: str
) -> None:
    """TiDB rolled back: the work runs again on a fresh connection, and is stored once."""
    work = Work()
    await create_customer(proxied)

    async def insert_and_read(transaction: Transaction) -> None:
        await work(transaction)
        await transaction.fetch(sa.text("SELECT 7"))

    proxy.drop_answer(statement)
    await proxied.write(insert_and_read)

    assert 2 == work.runs
    assert 1 == await work.stored(proxied)


@on_tidb
async def test_dead_connections_of_the_pool_are_no_loss(proxied: Database, proxy: TidbProxy) -> None:
    """However many of them there are: the first attempt clears the pool."""
    works = [Work(f"work-{number}") for number in range(5)]
    barrier = asyncio.Barrier(len(works))

    async def meet(transaction: Transaction) -> None:
        await transaction.fetch(sa.text("SELECT 1"))
        await barrier.wait()

    await asyncio.gather(*(proxied.write(meet) for _ in works))
    proxy.cut()
    await asyncio.gather(*(proxied.write(work) for work in works))

    assert [1] * 5 == [await work.stored(proxied) for work in works]


async def test_a_cancelled_commit_still_stores(database: Database) -> None:
    """A client that goes away just before COMMIT is sent does not keep it back."""
    work, committing, cancelled = Work(), asyncio.Event(), asyncio.Event()

    def wait(_connection: sa.Connection) -> None:
        committing.set()
        sa.util.await_only(cancelled.wait())

    sa.event.listen(database.writes.sync_engine, "commit", wait)
    writing = asyncio.create_task(database.write(work))
    await committing.wait()
    writing.cancel()
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await writing

    assert 1 == await work.stored(database)
    assert 0 == database.writes.pool.checkedout()


@on_tidb
async def test_a_cancelled_commit_that_fails_is_nobodys_error(proxied: Database, proxy: TidbProxy) -> None:
    """Nobody waits for it any more, so asyncio has nothing to complain of."""
    work, committing, cancelled = Work(), asyncio.Event(), asyncio.Event()

    def wait(_connection: sa.Connection) -> None:
        committing.set()
        sa.util.await_only(cancelled.wait())

    await create_customer(proxied)
    sa.event.listen(proxied.writes.sync_engine, "commit", wait)
    proxy.cut_before_commit()
    writing = asyncio.create_task(proxied.write(work))
    await committing.wait()
    writing.cancel()
    cancelled.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    del writing
    await asyncio.sleep(0)
    # What asyncio complains of now fails the test.
    gc.collect()

    assert 0 == await work.stored(proxied)


async def test_a_deadline_during_commit_still_stores(database: Database) -> None:
    """Time is up for the work, not for COMMIT."""
    work = Work()
    deadline = Deadline.after(0.5)

    def wait(_connection: sa.Connection) -> None:
        sa.util.await_only(asyncio.sleep(deadline.remaining() + 0.1))

    sa.event.listen(database.writes.sync_engine, "commit", wait)
    customer = await database.write(work, deadline)

    assert 0 == deadline.remaining()
    assert [customer] == await customers.get_many(database.reader(), "username", ["once"])


async def test_a_deadline_before_commit_stores_nothing(database: Database) -> None:
    """The work is rolled back, and its unique value is free at once."""
    work, again = Work(), Work()

    async def insert_and_wait(transaction: Transaction) -> None:
        await work(transaction)
        await asyncio.Event().wait()

    with pytest.raises(errors.DeadlineExceeded):
        await database.write(insert_and_wait, Deadline.after(0.5))

    assert 1 == work.runs
    assert 0 == await work.stored(database)
    await database.write(again)
    assert 1 == await again.stored(database)


async def test_a_deadline_that_has_passed_runs_no_work(database: Database) -> None:
    """There is no time left for even the first statement."""
    work = Work()
    with pytest.raises(errors.DeadlineExceeded):
        await database.write(work, Deadline.after(0))

    assert 0 == await work.stored(database)
    assert 0 == database.writes.pool.checkedout()


async def test_what_the_work_raises_comes_out_after_a_rollback(database: Database) -> None:
    """Whatever it is; the work ran once."""
    work = Work()

    async def insert_and_fail(transaction: Transaction) -> None:
        await work(transaction)
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        await database.write(insert_and_fail)

    assert 1 == work.runs
    assert 0 == await work.stored(database)
    assert 1 == (await database.write(Work("next"))).version


async def test_statements_of_one_transaction_take_turns(database: Database) -> None:
    """Tasks of one work may share the transaction: its connection does one thing at a time."""

    async def insert_many(transaction: Transaction) -> list[Customer]:
        return await asyncio.gather(*(Work(f"work-{number}")(transaction) for number in range(10)))

    rows = await database.write(insert_many)
    stored = await customers.get_many(database.reader(), "id", [row.id for row in rows])

    assert {row.id for row in rows} == {row.id for row in stored}
    assert 10 == len(stored)
