"""The server or TiDB is killed and started again while clients go on: each change happens once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx2
import pytest

from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from tests.api import Api
from tests.conftest import KINDS
from tests.faults import report
from tests.faults.client import Client, NoAnswer
from tests.faults.ledger import Audit, audit
from tests.faults.proof_size import sized_for
from tests.faults.workload import Workload
from tests.processes import Serving, Spawn
from tests.shared_tidb import SharedTidb
from tests.tidb.server import DURABLE, TidbServer

pytestmark = pytest.mark.proof

CLIENTS = 8
MUTATIONS, KILLS = sized_for(60, 1000), sized_for(1, 10)
Record = Callable[[str, object], None]


class Mortal:
    """A `tidegraph serve` that is killed and started again; `send` goes to the one that lives."""

    def __init__(self, spawn: Spawn, url: str, http: httpx2.AsyncClient) -> None:
        settings = {"database_url": url, "env": "development", "request_timeout": "5", "lock_timeout": "2"}
        self._start = lambda: spawn.serve(**settings)
        self._http = http
        self._serving: Serving | None = None

    async def send(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer. Raises NoAnswer."""
        if self._serving is None:
            raise NoAnswer
        body = {"query": query, "variables": variables}
        try:
            answer = await self._http.post(f"{self._serving.url}/graphql", json=body)
            result: dict[str, Any] = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise NoAnswer from error
        return result

    async def start(self) -> None:
        self._serving = await asyncio.to_thread(self._start)

    async def restart(self) -> None:
        """Kill it by SIGKILL, in the middle of everything, and start another."""
        assert self._serving is not None
        self._serving.process.kill()
        await asyncio.to_thread(self._serving.process.wait)
        self._serving = None
        await self.start()


@asynccontextmanager
async def restarts(clients: Sequence[Client], restart: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """KILLS of them, while the clients do what is done inside; each after its share of the mutations."""

    async def kill() -> None:
        for number in range(KILLS):
            due = MUTATIONS * (number + 0.5) / KILLS
            while sum(len(client.acknowledged) for client in clients) < due:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            await restart()

    killing = asyncio.create_task(kill())
    try:
        yield
        await killing
    finally:
        killing.cancel()


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_mutations_happen_once_when_the_server_is_killed(
    database: Database, database_url: str, spawn: Spawn, record_property: Record
) -> None:
    """By SIGKILL, with requests under way; the clients send them to the next one."""
    seed = Random().getrandbits(32)
    async with httpx2.AsyncClient(timeout=10, verify=False) as http:
        server = Mortal(spawn, database_url, http)
        clients = [Client(server.send, Random(seed + n), impatience=0) for n in range(CLIENTS)]
        await server.start()
        async with restarts(clients, server.restart):
            await Workload(Random(seed)).run(clients, MUTATIONS)
        again = [await client.differing() for client in clients]
    found = await audit(database, [each for client in clients for each in client.acknowledged])
    record_property("figures", report.of_clients(clients, found, f"kills: {KILLS}", f"seed {seed}"))

    assert Audit([], [], []) == found
    assert [[]] * CLIENTS == again


@pytest.fixture(scope="module")
def server(tidb: SharedTidb) -> Iterator[TidbServer]:
    """One to kill; only where a TiDB can be had at all."""
    with TidbServer(config=DURABLE) as server:
        yield server


@pytest.mark.tidb
@pytest.mark.parametrize("driver", ["asyncmy", "aiomysql"])
async def test_mutations_happen_once_when_tidb_is_killed(
    driver: str, server: TidbServer, record_property: Record
) -> None:
    """By SIGKILL, with transactions under way; the clients wait until it is back."""

    async def restart() -> None:
        await asyncio.to_thread(server.kill)
        await asyncio.to_thread(server.start)

    seed = Random().getrandbits(32)
    url = DatabaseUrl.parse(f"mysql+{driver}://root@127.0.0.1:{server.port}/{driver}")
    async with Database(url, Limits(pool_timeout=30)) as database, Api.of(database, env="development") as api:
        await migrate.upgrade(database)
        clients = [Client(api.send, Random(seed + n)) for n in range(CLIENTS)]
        async with restarts(clients, restart):
            await Workload(Random(seed)).run(clients, MUTATIONS)
        again = [await client.differing() for client in clients]
        found = await audit(database, [each for client in clients for each in client.acknowledged])
    record_property("figures", report.of_clients(clients, found, f"kills: {KILLS}", f"seed {seed}"))

    assert Audit([], [], []) == found
    assert [[]] * CLIENTS == again
