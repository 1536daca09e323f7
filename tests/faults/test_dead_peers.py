"""Peers that go away in four ways, at each point of a request: the pools recover and lose nothing.

With both drivers, with and without TLS, on asyncio's event loop and on uvloop.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from db import customers, domain_errors, errors
from db.engine.database import Database, ping
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.idempotency.idempotent_writes import IdempotencyKey, IdempotentWrite
from db.models import customers as table
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from tests import shared_statement_cache
from tests.certificates import write_authority, write_certificate
from tests.faults.packets import Break, Fault
from tests.faults.proof_size import FULL
from tests.faults.proxy import TidbProxy
from tests.shared_tidb import SharedTidb

pytestmark = [pytest.mark.tidb, pytest.mark.proof]

WAYS = (Break.RESET, Break.FIN, Break.HALF_CLOSED, Break.BLACK_HOLE)
LOOPS = {"asyncio": ("asyncio", {"use_uvloop": False}), "uvloop": ("asyncio", {"use_uvloop": True})}
SIZE = 3
# Long enough for whatever should succeed, on a machine that is busy.
ENOUGH, SHORT = 20.0, 0.3
ROWS = sa.text("SELECT 7 AS id UNION ALL SELECT 8 UNION ALL SELECT 9")
# Where a request can be when its connection breaks: before it ("idle"), as it sends its first statement
# ("sending"), or at a statement that begins so, which TiDB gets or not.
POINTS = {
    "request": ("SELECT /*+", Fault.BEFORE),
    "rows": ("SELECT /*+", Fault.WITHIN),
    "begin": ("INSERT INTO customers", Fault.BEFORE),
    "begun": ("INSERT INTO customers", Fault.AFTER),
    "commit": ("COMMIT", Fault.BEFORE),
    "committed": ("COMMIT", Fault.AFTER),
}


class Case(NamedTuple):
    """One line of the matrix."""

    way: Break
    driver: str
    tls: bool
    loop: str


CASES = [Case(*each) for each in product(WAYS, ("aiomysql", "asyncmy"), (False, True), LOOPS)]


def matrix(*points: Any) -> pytest.MarkDecorator:
    """Every case at each point; in plain `make test` on uvloop alone, with TLS for one of the drivers."""
    every = list(product(CASES, points or (None,)))
    if not FULL:
        every = [(case, point) for case, point in every if _represents(case)]
    names = "anyio_backend, case, point" if points else "anyio_backend, case"
    return pytest.mark.parametrize(
        names,
        [
            pytest.param(LOOPS[case.loop], case, *([point] if points else []), id=_name(case, point))
            for case, point in every
        ],
        indirect=["anyio_backend"],
    )


def _represents(case: Case) -> bool:
    return case.tls == (case.driver == "asyncmy") and case.loop == "uvloop"


def _name(case: Case, point: Any) -> str:
    tls = "tls" if case.tls else "plain"
    return "-".join([*([point] if point else []), case.way.name.lower(), case.driver, tls, case.loop])


@pytest.fixture
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """The event loop of the case."""
    return request.param


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping or COMMIT without an answer is given up sooner."""
    monkeypatch.setattr("db.engine.connection_health.PING_TIMEOUT", SHORT)
    monkeypatch.setattr("db.engine.database.END_TIMEOUT", SHORT)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificate(folder, write_authority(folder, "ca"))
    return folder


@pytest.fixture
async def proxy(case: Case, tidb: SharedTidb, certificates: Path) -> AsyncIterator[TidbProxy]:
    """In the end nothing is left of its clients: neither a task nor a socket of theirs."""
    sockets = _sockets()
    context = None
    if case.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    async with TidbProxy(tidb.address, context) as proxy:
        yield proxy
        async with asyncio.timeout(ENOUGH):
            await proxy.ended()
    async with asyncio.timeout(ENOUGH):
        # A transport is closed in the next iteration of the event loop.
        while _tasks() or _sockets() > sockets:  # noqa: ASYNC110
            await asyncio.sleep(0.001)


@pytest.fixture
async def database(
    case: Case, proxy: TidbProxy, tidb: SharedTidb, migrated_tidb: str, certificates: Path
) -> AsyncIterator[Database]:
    """Pools through the proxy, all of whose connections are open, idle and known to work."""
    url = sa.make_url(tidb.url(migrated_tidb, f"mysql+{case.driver}")).set(host=proxy.host, port=proxy.port)
    options = f"?ca={certificates / 'ca.pem'}" if case.tls else ""
    parsed = DatabaseUrl.parse(url.render_as_string(hide_password=False) + options)
    limits = Limits(pool_size=SIZE, connect_timeout=ENOUGH, lock_timeout=ENOUGH)
    async with Database(parsed, limits) as database:
        shared_statement_cache.share(database)
        for engine in (database.reads, database.writes):
            await use_all(engine)
        await ping(database, Deadline.after(ENOUGH))
        proxy.clear()
        yield database


def _tasks() -> list[str]:
    """The coroutines of this event loop, beside those of the test itself."""
    names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
    return [name for name in names if not name.startswith("TestRunner.")]


def _sockets() -> int:
    """How many sockets this process has open."""
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


async def use_all(engine: AsyncEngine) -> None:
    """Run a statement on each connection of a pool at the same time, without a second attempt."""
    async with AsyncExitStack() as stack:
        for _ in range(SIZE):
            connection = await stack.enter_async_context(engine.connect())
            assert 7 == await connection.scalar(sa.text("SELECT 7"))
            await connection.rollback()


async def read(database: Database, seconds: float = ENOUGH) -> list[int]:
    return sorted(row.id for row in await database.reader(Deadline.after(seconds)).fetch(ROWS))


class Change:
    """Inserts a customer, under a key, as a client does that sends it again until it has an answer."""

    def __init__(self) -> None:
        self.username = uuid4().hex
        self.key = IdempotencyKey("client", self.username, "createCustomer", "hash", timedelta(hours=1))

    async def send(self, database: Database, seconds: float = ENOUGH) -> None:
        deadline = Deadline.after(seconds)
        attempts = database.attempts(deadline)
        await IdempotentWrite(database, self.key, None, deadline, QueryStatistics(), attempts).run(
            self.insert
        )

    async def insert(self, transaction: Transaction) -> None:
        await customers.insert(transaction, {"username": self.username, "name": "Name"})

    async def stored(self, database: Database) -> int:
        rows = await database.reader().fetch(sa.select(table.c.id).where(table.c.username == self.username))
        return len(rows)


async def strike(
    case: Case, point: str, proxy: TidbProxy, request: Callable[[float], Awaitable[Any]]
) -> bool:
    """Break all connections at that point of a request; whether it failed, because it had waited too long."""
    if point in POINTS:
        proxy.break_at(*POINTS[point], case.way)
    else:
        proxy.break_links(case.way)
    if point == "idle":
        # The drivers learn of it while the connections are idle.
        for _ in range(10):
            await asyncio.sleep(0)
    while True:
        failed = False
        try:
            await request(SHORT if case.way is Break.BLACK_HOLE else ENOUGH)
        except (errors.DeadlineExceeded, errors.OutcomeUnknown):
            failed = True
        # On a busy machine it may have ended before it came to that point.
        if proxy.struck.is_set():
            return failed


async def recovered(database: Database) -> bool:
    """Whether requests side by side and each connection of the pools work, and changes are made once."""
    changes = [Change() for _ in range(SIZE)]
    reads = (read(database) for _ in range(2 * SIZE))
    assert [[7, 8, 9]] * 2 * SIZE == await asyncio.gather(*reads)
    await asyncio.gather(*(change.send(database) for change in changes))
    assert [1] * SIZE == [await change.stored(database) for change in changes]
    for engine in (database.reads, database.writes):
        await use_all(engine)
    return (0, 0) == (database.reads.pool.checkedout(), database.writes.pool.checkedout())


@matrix("idle", "sending", "request", "rows")
async def test_a_read_needs_no_second_try(
    case: Case, point: str, proxy: TidbProxy, database: Database
) -> None:
    """No client sees that a peer closed; of a silent one only whoever waits for it when it becomes so."""
    failed = await strike(case, point, proxy, lambda seconds: read(database, seconds))
    for _ in range(2 * SIZE):
        assert [7, 8, 9] == await read(database)

    assert failed == (case.way is Break.BLACK_HOLE)
    assert await recovered(database)


@matrix("idle", "begin", "begun", "commit", "committed")
async def test_a_change_happens_once(case: Case, point: str, proxy: TidbProxy, database: Database) -> None:
    """The same for a change; if its client does not learn the outcome, it sends the change again."""
    change = Change()
    failed = await strike(case, point, proxy, lambda seconds: change.send(database, seconds))
    await change.send(database)

    assert failed == (case.way is Break.BLACK_HOLE)
    assert 1 == await change.stored(database)
    assert await recovered(database)


@matrix()
async def test_a_refused_change_is_refused(case: Case, proxy: TidbProxy, database: Database) -> None:
    """Its client gets what the work raised, though ROLLBACK has no answer, and nothing is stored."""
    change = Change()

    async def refuse(transaction: Transaction) -> None:
        await change.insert(transaction)
        raise domain_errors.NotFound("Customer", 7)

    proxy.break_at("ROLLBACK", Fault.BEFORE, case.way)
    with pytest.raises(domain_errors.NotFound):
        await database.write(refuse)

    assert proxy.struck.is_set()
    assert await recovered(database)
    assert 0 == await change.stored(database)


@matrix()
async def test_a_login_that_breaks_is_unavailable(case: Case, proxy: TidbProxy, database: Database) -> None:
    """Or takes as long as it may; the next one is made as if nothing had been."""
    silent = case.way is Break.BLACK_HOLE
    await database.reads.dispose()
    proxy.break_logins(case.way)
    with pytest.raises(errors.DeadlineExceeded if silent else errors.Unavailable):
        await read(database, SHORT if silent else ENOUGH)
    proxy.break_logins(None)

    assert [7, 8, 9] == await read(database)
    assert await recovered(database)


@matrix()
async def test_a_probe_finds_the_database(case: Case, proxy: TidbProxy, database: Database) -> None:
    """Its connection was idle all the time, so it is pinged and replaced."""
    proxy.break_links(case.way)

    assert (await ping(database, Deadline.after(ENOUGH))).startswith("TiDB ")
    assert await recovered(database)


@matrix()
async def test_a_statement_is_killed_over_a_fresh_connection(
    case: Case, proxy: TidbProxy, database: Database
) -> None:
    """The connection for KILL may have gone away since the last one."""
    for _ in range(2):
        sleeping = asyncio.create_task(database.reader().fetch(sa.text("SELECT SLEEP(300)")))
        await until(lambda: running(database), 1)
        sleeping.cancel()
        await until(lambda: running(database), 0)
        proxy.break_links(case.way, last="KILL")

    assert 2 == len([text for text in proxy.statements if text.startswith("KILL QUERY ")])
    assert await recovered(database)


async def running(database: Database) -> int:
    """How many slow statements TiDB runs for this proxy's clients; asked over a write's connection."""
    async with database.writes.connect() as connection:
        rows = (await connection.exec_driver_sql("SHOW PROCESSLIST")).all()
        await connection.rollback()
    return len([row for row in rows if row.db == database.url.database and row.Info == "SELECT SLEEP(300)"])


async def until(count: Callable[[], Awaitable[int]], expected: int) -> None:
    async with asyncio.timeout(ENOUGH):
        while expected != await count():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
