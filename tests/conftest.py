"""What tests stand on: a real TiDB for the session, and a database of its own for each test."""

import asyncio
import gc
import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
import structlog

from db import models
from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from graph import logs
from graph.execution.replay import UNEXPLAINED, fallbacks
from tests import shared_statement_cache
from tests.api import Api
from tests.faults import report
from tests.faults.proof_size import FULL
from tests.faults.proxy import TidbProxy
from tests.processes import Serving, Spawn
from tests.shared_tidb import REQUIRED, SharedTidb, Statements, execute
from tests.tidb import build
from tests.tidb.server import TidbServer
from tests.two_customers import TwoCustomers

KINDS = [
    pytest.param("sqlite", id="sqlite"),
    pytest.param("asyncmy", id="tidb", marks=pytest.mark.tidb),
    pytest.param("aiomysql", id="tidb-aiomysql", marks=pytest.mark.tidb),
]
# For what is refused before a database is asked, one is enough.
on_sqlite = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
on_tidb = pytest.mark.parametrize("database_url", KINDS[1:], indirect=True)
SHARED = pytest.StashKey[SharedTidb]()
# Files in memory: no COMMIT of SQLite waits for a disk, and what is killed here are processes, not machines.
MEMORY, TEMPORARY, ENOUGH = Path("/dev/shm"), "PYTEST_DEBUG_TEMPROOT", 2_000_000_000

if TEMPORARY not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH:
    os.environ[TEMPORARY] = str(MEMORY)


def pytest_configure(config: pytest.Config) -> None:
    """The first process starts TiDB, or takes the one it was given; xdist's workers get its address."""
    # Its default draws an exception with all local variables, which takes a second.
    structlog.configure(processors=[structlog.processors.add_log_level, *logs.for_people()])
    worker = getattr(config, "workerinput", None)
    config.stash[SHARED] = SharedTidb(worker["tidb"]) if worker else SharedTidb.of_environment(config)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Without TiDB half of a worker's time is waiting, for clocks and for processes."""
    return (os.cpu_count() or 1) * 3 // 2 if "not tidb" in (config.option.markexpr or "") else None


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["tidb"] = node.config.stash[SHARED].address


def pytest_unconfigure(config: pytest.Config) -> None:
    # It is not there where its start was refused.
    if SHARED in config.stash:
        config.stash[SHARED].stop()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.stash[SHARED].address:
        return
    skip = pytest.mark.skip(reason="no TiDB here: run `make tidb`")
    for item in items:
        if item.get_closest_marker("tidb"):
            item.add_marker(skip)


def pytest_collection_finish() -> None:
    # As a server does: what was imported stays, and a fifth of the time went into looking at it again.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if FULL:
        report.write(terminalreporter)
    if not config.stash[SHARED].address and config.stash[SHARED].wanted:
        terminalreporter.section("TiDB", yellow=True)
        terminalreporter.line("No TiDB: every test on TiDB was skipped. Run `make tidb`, or set")
        terminalreporter.line("TIDEGRAPH_TEST_TIDB_URL=tidb://user:password@host:4000/ and run again.")


@pytest.fixture(autouse=True)
def no_unexplained_fallback() -> Iterator[None]:
    """The executor left nothing to graphql-core without an error: it would be right, but slow."""
    before = fallbacks[UNEXPLAINED]
    yield
    assert before == fallbacks[UNEXPLAINED]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def tidb(request: pytest.FixtureRequest) -> SharedTidb:
    """The session's TiDB, for tests that neither end nor pause it."""
    shared = request.config.stash[SHARED]
    if not shared.address:
        pytest.skip("no TiDB here: run `make tidb`")
    return shared


@pytest.fixture(scope="session")
def own_tidb() -> type[TidbServer]:
    """Starts a TiDB to kill, to pause or to configure: one that was given is nobody's to do so."""
    if build.binary() is None:
        miss = pytest.fail if os.environ.get(REQUIRED) == "required" else pytest.skip
        miss("no TiDB of this machine's own: run `make tidb`")
    return TidbServer


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    asyncio.run(_migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def migrated_tidb(request: pytest.FixtureRequest, tidb: SharedTidb) -> Iterator[str]:
    """The name of this process's own migrated database."""
    name = f"test_{uuid4().hex}"
    asyncio.run(_migrate(tidb.url(name)))
    yield name
    asyncio.run(execute(tidb.url(), f"DROP DATABASE {name}"))


async def _migrate(url: str) -> None:
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database)


@pytest.fixture(params=KINDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A migrated database without rows: on SQLite, and on TiDB with each driver."""
    if request.param == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue("migrated_sqlite"), path)
        return f"sqlite:///{path}"
    name: str = request.getfixturevalue("migrated_tidb")
    tidb: SharedTidb = request.getfixturevalue("tidb")
    tables = [table.name for table in reversed(models.metadata.sorted_tables)]
    asyncio.run(execute(tidb.url(name), ";".join(f"DELETE FROM {table}" for table in tables)))
    return tidb.url(name, driver=f"mysql+{request.param}")


@pytest.fixture(params=KINDS)
async def new_url(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[str]:
    """Leads to no database yet; one that is made there is dropped in the end. No other server uses it."""
    monkeypatch.setattr(migrate, "SECONDS_TO_NOTICE", 0.0)
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    tidb: SharedTidb = request.getfixturevalue("tidb")
    name = f"new_{uuid4().hex}"
    yield tidb.url(name, driver=f"mysql+{request.param}")
    await execute(tidb.url(), f"DROP DATABASE IF EXISTS {name}")


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The server's own pools over `database_url`."""
    limits = Limits(pool_size=20, pool_timeout=30, lock_timeout=5)
    async with Database(DatabaseUrl.parse(database_url), limits) as database:
        shared_statement_cache.share(database)
        yield database


@pytest.fixture
async def two(database: Database) -> TwoCustomers:
    """Two customers' rows in `database`."""
    return await TwoCustomers.of(database)


@pytest.fixture
async def proxy(tidb: SharedTidb) -> AsyncIterator[TidbProxy]:
    """A way to the session's TiDB that sees each packet and breaks on cue."""
    async with TidbProxy(tidb.address) as proxy:
        yield proxy


@pytest.fixture
async def proxied(database_url: str, proxy: TidbProxy) -> AsyncIterator[Database]:
    """The server's own pools over `database_url`, through `proxy`; only with `on_tidb`."""
    url = (
        sa.make_url(database_url).set(host=proxy.host, port=proxy.port).render_as_string(hide_password=False)
    )
    async with Database(DatabaseUrl.parse(url), Limits(pool_timeout=30, lock_timeout=5)) as database:
        yield database


@pytest.fixture
def statements(database: Database) -> Iterator[Statements]:
    """Every statement that goes to `database`, in order."""
    with Statements(database) as recorded:
        yield recorded


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    """The application over `database`, called without a socket."""
    async with Api.of(database) as api:
        yield api


@pytest.fixture
async def sqlite_api(migrated_sqlite: Path) -> AsyncIterator[Api]:
    """The application over an empty database, for what does not depend on a database's kind."""
    database = Database(DatabaseUrl.parse(f"sqlite:///{migrated_sqlite}"))
    shared_statement_cache.share(database)
    async with database, Api.of(database) as api:
        yield api


@pytest.fixture
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty working directory, and no setting in the environment."""
    for name in os.environ:
        if name.upper().startswith("TIDEGRAPH_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Spawn]:
    """Starts real `tidegraph` processes, and ends them."""
    with Spawn(tmp_path) as spawn:
        yield spawn


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[Serving]:
    """A real `tidegraph serve` with sample data on SQLite, shared by tests that only add to it."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(migrated_sqlite, folder / "tidegraph.db")
    with Spawn(folder) as spawn:
        spawn.run("seed", "--customers", "30", "--orders", "5")
        yield spawn.serve()
