"""The pools when connections are busy, dead, slow or given up: a coded answer, and a clean pool after it."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer
from tests.faults.packets import Break, Packet
from tests.faults.proxy import TidbProxy

ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000000) "
PING = Packet(0x0E, "")
SLOW = {"sqlite": f"{ENDLESS} SELECT MAX(x) FROM n", "mysql": "SELECT SLEEP(60)"}


def _slow(database: Database) -> sa.TextClause:
    return sa.text(SLOW[database.reads.dialect.name])


async def _answer(database: Database, number: int) -> list[Any]:
    return [row[0] for row in await database.reader().fetch(sa.text(f"SELECT {number}"))]


@asynccontextmanager
async def _held(database: Database, count: int) -> AsyncIterator[None]:
    """Keep `count` connections of the readers' pool in use."""
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(database.reads.connect())
        yield


async def test_a_read_waits_for_a_connection_no_longer_than_it_may(database_url: str) -> None:
    """It fails with a code of its own, and the next one finds the connection that came back."""
    limits = Limits(pool_size=2, pool_timeout=0.2)
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        async with _held(database, 2):
            started = time.monotonic()
            with pytest.raises(errors.PoolExhausted):
                await _answer(database, 7)
            waited = time.monotonic() - started

        assert 0.2 <= waited < 10
        assert [7] == await _answer(database, 7)


async def test_a_write_waits_for_a_connection_no_longer_than_it_may(database_url: str) -> None:
    """The work of a write that got none never ran. On SQLite, waiting for it is waiting for a lock."""
    limits = Limits(pool_size=1, pool_timeout=0.2, lock_timeout=0.2)
    error = errors.Conflict if database_url.startswith("sqlite") else errors.PoolExhausted
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        inside, until, runs = asyncio.Event(), asyncio.Event(), []

        async def first(_transaction: Transaction) -> None:
            inside.set()
            await until.wait()

        async def second(_transaction: Transaction) -> None:
            runs.append("second")

        writing = asyncio.create_task(database.write(first))
        await inside.wait()
        with pytest.raises(error):
            await database.write(second)

        assert [] == runs
        until.set()
        await writing
        await database.write(second)
        assert ["second"] == runs


async def test_the_deadline_ends_the_wait_for_a_connection(database_url: str) -> None:
    """When it comes before the pool's own time-out."""
    async with Database(DatabaseUrl.parse(database_url), Limits(pool_size=1, pool_timeout=30)) as database:
        async with _held(database, 1):
            with pytest.raises(errors.DeadlineExceeded):
                await database.reader(Deadline.after(0.1)).fetch(sa.text("SELECT 7"))

        assert [7] == await _answer(database, 7)
        assert 0 == database.reads.pool.checkedout()


async def test_a_slow_read_ends_at_the_deadline(database: Database) -> None:
    """Its connection is given up, and the next answer is the next question's."""
    started = time.monotonic()
    with pytest.raises(errors.DeadlineExceeded):
        await database.reader(Deadline.after(0.2)).fetch(_slow(database))
    took = time.monotonic() - started

    assert 0.2 <= took < 10
    assert [7, 8] == await _answer(database, 7) + await _answer(database, 8)
    assert 0 == database.reads.pool.checkedout()


async def test_a_slow_statement_of_a_write_ends_at_the_deadline(database_url: str) -> None:
    """The transaction is rolled back and holds nothing: another one changes the row at once."""
    async with Database(DatabaseUrl.parse(database_url), Limits(lock_timeout=60)) as database:
        customer = await create_customer(database, name="Old")

        async def slow(transaction: Transaction) -> None:
            await customers.update(transaction, customer.id, {"name": "Never"})
            await transaction.fetch(_slow(database))

        started = time.monotonic()
        with pytest.raises(errors.DeadlineExceeded):
            await database.write(slow, Deadline.after(0.5))
        changed = await database.write(
            lambda transaction: customers.update(transaction, customer.id, {"name": "New"})
        )

    assert time.monotonic() - started < 20
    assert ("New", 2) == (changed.name, changed.version)


async def test_a_cancelled_read_leaves_a_clean_pool(database: Database) -> None:
    """A client that goes away costs one connection, which is replaced."""
    running = asyncio.Event()
    sa.event.listen(database.reads.sync_engine, "before_cursor_execute", lambda *_: running.set())
    reading = asyncio.create_task(database.reader().fetch(_slow(database)))
    await running.wait()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert 0 == database.reads.pool.checkedout()
    assert [7] == await _answer(database, 7)


async def test_a_cancelled_write_leaves_no_trace(database_url: str) -> None:
    """Neither a change nor a lock."""
    async with Database(DatabaseUrl.parse(database_url), Limits(lock_timeout=60)) as database:
        customer = await create_customer(database, name="Old")
        changed = asyncio.Event()

        async def change_and_stop(transaction: Transaction) -> None:
            await customers.update(transaction, customer.id, {"name": "Never"})
            changed.set()
            await asyncio.Event().wait()

        writing = asyncio.create_task(database.write(change_and_stop))
        await changed.wait()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        async with asyncio.timeout(20):
            after = await database.write(lambda transaction: customers.lock(transaction, customer.id))

        assert customer == after
        assert 0 == database.writes.pool.checkedout()


@on_tidb
async def test_reads_on_dead_connections_run_again_on_fresh_ones(proxied: Database, proxy: TidbProxy) -> None:
    """However many of the pool's connections died, no reader gets an error."""
    async with _held(proxied, 3):
        pass
    proxy.clear()
    proxy.cut()
    answers = await asyncio.gather(*(_answer(proxied, number) for number in range(5)))

    assert [[number] for number in range(5)] == answers
    assert 0 < proxy.connections <= 10


@on_tidb
async def test_a_read_that_loses_its_answer_is_asked_again(proxied: Database, proxy: TidbProxy) -> None:
    """Once: a database that goes away twice is not available."""
    proxy.drop_answer("SELECT 7")
    assert [7] == await _answer(proxied, 7)

    proxy.drop_answer("SELECT 8", times=2)
    with pytest.raises(errors.Unavailable):
        await _answer(proxied, 8)

    asked = [statement for statement in proxy.statements if statement in {"SELECT 7", "SELECT 8"}]
    assert ["SELECT 7", "SELECT 7", "SELECT 8", "SELECT 8"] == asked


@on_tidb
async def test_a_database_that_is_away_is_unavailable_until_it_is_back(
    proxied: Database, proxy: TidbProxy
) -> None:
    """Reads and writes fail with a code, and need no restart of ours."""
    assert [7] == await _answer(proxied, 7)
    proxy.refuse(True)
    proxy.cut()
    with pytest.raises(errors.Unavailable):
        await _answer(proxied, 7)
    with pytest.raises(errors.Unavailable):
        await create_customer(proxied)
    proxy.refuse(False)

    assert [7] == await _answer(proxied, 7)
    assert 1 == (await create_customer(proxied)).version


@on_tidb
async def test_a_stalled_database_costs_no_more_than_the_deadline(
    proxied: Database, proxy: TidbProxy
) -> None:
    """Also where a new connection gets no greeting; and a late answer is nobody's."""
    await _answer(proxied, 1)
    proxy.stall()
    started = time.monotonic()
    for number in (2, 3):
        with pytest.raises(errors.DeadlineExceeded):
            await proxied.reader(Deadline.after(0.2)).fetch(sa.text(f"SELECT {number}"))
    with pytest.raises(errors.DeadlineExceeded):
        await proxied.write(lambda transaction: transaction.fetch(sa.text("SELECT 4")), Deadline.after(0.2))
    took = time.monotonic() - started
    proxy.resume()

    assert took < 10
    assert [[5], [6]] == await asyncio.gather(_answer(proxied, 5), _answer(proxied, 6))
    assert 0 == proxied.reads.pool.checkedout() + proxied.writes.pool.checkedout()


ERROR_WITHOUT_CODE = b"\x02\x00\x00\x01\xff\x51"
GARBLED = {
    "a sequence number": lambda answer: answer[:3] + bytes([answer[3] + 9]) + answer[4:],
    "half an error packet": lambda _: ERROR_WITHOUT_CODE,
    "a row that is no number": lambda answer: answer.replace(b"\x017", b"\x01x"),
}


@on_tidb
@pytest.mark.parametrize("change", GARBLED.values(), ids=GARBLED.keys())
async def test_an_answer_that_cannot_be_read_closes_its_connection(
    proxied: Database, proxy: TidbProxy, change: Callable[[bytes], bytes]
) -> None:
    """Whatever the driver raises: the rest of it would be the next statement's answer."""
    await _answer(proxied, 1)
    proxy.clear()
    proxy.garble("SELECT 7", change)

    async with asyncio.timeout(10):
        assert [7] == await _answer(proxied, 7)
        assert [8] == await _answer(proxied, 8)
    assert (2, 1) == (proxy.statements.count("SELECT 7"), proxy.connections)

    async def ask(transaction: Transaction) -> Any:
        return (await transaction.fetch(sa.text("SELECT 7")))[0][0]

    proxy.garble("SELECT 7", change)
    assert 7 == await proxied.write(ask)
    assert 4 == proxy.statements.count("SELECT 7")


@on_tidb
async def test_an_idle_connection_that_received_something_is_not_used(
    proxied: Database, proxy: TidbProxy
) -> None:
    """Nobody asked for it, so it would be taken for the next answer."""
    proxy.garble("SELECT 7", lambda answer: answer + answer)
    assert [7] == await _answer(proxied, 7)
    proxy.clear()

    assert [8] == await _answer(proxied, 8)
    assert 1 == proxy.connections


@on_tidb
async def test_after_a_silence_idle_connections_are_pinged_once(proxied: Database, proxy: TidbProxy) -> None:
    """Those that were idle since before; a statement that was cancelled by its client says nothing."""
    async with _held(proxied, 3):
        pass
    with pytest.raises(errors.DeadlineExceeded):
        await proxied.reader(Deadline.after(0.3)).fetch(_slow(proxied))
    proxy.clear()
    async with _held(proxied, 2):
        pass

    assert 2 == proxy.packets.count(PING)

    proxy.clear()
    slow = asyncio.create_task(proxied.reader(Deadline.after(30)).fetch(sa.text("SELECT 0, SLEEP(60)")))
    async with asyncio.timeout(20):
        while not any("SLEEP" in text for text in proxy.statements):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    slow.cancel()
    await asyncio.wait([slow])
    async with _held(proxied, 2):
        pass

    # The connection for KILL has its own.
    assert proxy.packets.count(PING) <= 1


@on_tidb
async def test_a_silent_server_is_pinged_before_each_connection_is_trusted(
    proxied: Database, proxy: TidbProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One deadline is lost, whichever pool the next statements use; one ping clears a pool."""
    monkeypatch.setattr("db.engine.connection_health.PING_TIMEOUT", 0.2)
    await create_customer(proxied)
    async with _held(proxied, 3):
        pass
    proxy.break_links(Break.BLACK_HOLE)
    proxy.clear()
    with pytest.raises(errors.DeadlineExceeded):
        await proxied.reader(Deadline.after(0.3)).fetch(sa.text("SELECT 1"))
    for number in range(6):
        assert [number] == await _answer(proxied, number)
    await create_customer(proxied)

    # One for each pool; that of the KILL comes in its own time.
    kills = [packet for packet in proxy.packets if packet.text.startswith("KILL")]
    assert 2 == proxy.packets.count(PING)
    assert len(kills) <= 1


@on_tidb
@pytest.mark.parametrize("driver_option", ["SO_KEEPALIVE", "TCP_KEEPIDLE", "TCP_USER_TIMEOUT"])
async def test_connections_have_tcp_keepalive(database: Database, driver_option: str) -> None:
    """With times of ours: the system's own are hours."""
    expected = {"SO_KEEPALIVE": 1, "TCP_KEEPIDLE": 30, "TCP_USER_TIMEOUT": 60_000}[driver_option]
    level = socket.SOL_SOCKET if driver_option.startswith("SO_") else socket.IPPROTO_TCP
    for engine in (database.reads, database.writes):
        async with engine.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            transport, _ = driver._stream()
            found = transport.get_extra_info("socket").getsockopt(level, getattr(socket, driver_option))

        assert expected == found


async def test_a_connection_is_replaced_when_it_is_old(database_url: str) -> None:
    """On TiDB; SQLite's stay, for nothing comes between."""
    made: list[object] = []
    async with Database(DatabaseUrl.parse(database_url), Limits(pool_recycle=0)) as database:
        # An engine's first connection is made for itself.
        await _answer(database, 7)
        sa.event.listen(database.reads.sync_engine, "connect", lambda *_: made.append(1))
        for number in range(3):
            assert [number] == await _answer(database, number)

    assert (0 if database.url.is_sqlite else 3) == len(made)


@on_tidb
async def test_a_login_has_a_time_limit(database_url: str, proxy: TidbProxy) -> None:
    """Also without a deadline: a peer that accepts connections may never greet."""
    url = sa.make_url(database_url).set(host=proxy.host, port=proxy.port)
    parsed = DatabaseUrl.parse(url.render_as_string(hide_password=False))
    proxy.break_logins(Break.BLACK_HOLE)
    async with Database(parsed, Limits(connect_timeout=0.2)) as database:
        with pytest.raises(errors.Unavailable, match=r"no connection within 0\.2 s"):
            await _answer(database, 7)
        async with asyncio.timeout(20):
            await proxy.ended()
