"""A real server whose TiDB stalls, dies and comes back: what probes and clients get meanwhile."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx2
import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.models import Customer, orders
from tests.factories import create_customer, global_id
from tests.faults.packets import Break
from tests.faults.proxy import TidbProxy
from tests.processes import Serving, Spawn, wait_until
from tests.shared_tidb import SharedTidb, execute
from tests.tidb.server import TidbServer

pytestmark = pytest.mark.tidb

PASSWORD = "s3cret-0f-the-shop"
CREATE_ORDER = """
mutation ($customer: ID!) {
  createOrder(input: {customerId: $customer, total: {amount: "1", currency: "EUR"}}) {
    order { id } userErrors { code }
  }
}
"""
READ = "query ($customer: ID!) { customer(by: {id: $customer}) { username } }"


@pytest.fixture(scope="module")
def mortal(own_tidb: type[TidbServer]) -> Iterator[TidbServer]:
    """A TiDB to pause and to kill, with a user who has a password."""
    with own_tidb() as mortal:
        accounts = f"CREATE USER shop IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO shop"
        asyncio.run(execute(mortal.url("information_schema"), accounts))
        yield mortal


@pytest.fixture(params=["asyncmy", "aiomysql"])
def url(request: pytest.FixtureRequest, mortal: TidbServer) -> str:
    return f"mysql+{request.param}://shop:{PASSWORD}@127.0.0.1:{mortal.port}/shop"


def ready(serving: Serving) -> tuple[int, str]:
    """Status and reason of the readiness probe."""
    answer = serving.get("/readyz")
    return answer.status_code, answer.json().get("reason", "")


async def test_a_stalled_database_is_noticed(url: str, mortal: TidbServer, spawn: Spawn) -> None:
    """Although every connection is stuck in a request, the probe answers in about a second."""
    limits = {"pool_size": "2", "request_timeout": "30"}
    serving = await asyncio.to_thread(spawn.serve, "--migrate", database_url=url, **limits)
    mortal.pause()
    try:
        stuck = [asyncio.to_thread(serving.post, "{ orders { nodes { id } } }") for _ in range(4)]
        requests = asyncio.gather(*stuck)
        begun = time.monotonic()
        answered = await asyncio.to_thread(ready, serving)
        took = time.monotonic() - begun
        alive = await asyncio.to_thread(serving.get, "/livez")
    finally:
        mortal.resume()
    await asyncio.to_thread(wait_until, lambda: ready(serving) == (200, ""))

    assert (503, "The database did not respond within a second.") == answered
    assert 1 <= took < 2.5
    assert 200 == alive.status_code
    assert [{"data": {"orders": {"nodes": []}}}] * 4 == await requests


@pytest.mark.parametrize("driver", ["asyncmy", "aiomysql"])
async def test_reset_connections_need_no_restart(tidb: SharedTidb, spawn: Spawn, driver: str) -> None:
    """A load balancer that forgets idle connections is noticed by no client and no probe."""
    name = f"reset_{uuid4().hex[:8]}"
    async with TidbProxy(tidb.address) as proxy:
        url = sa.make_url(proxy.url(name)).set(drivername=f"mysql+{driver}")
        shown = url.render_as_string(hide_password=False)
        serving = await asyncio.to_thread(spawn.serve, "--migrate", database_url=shown)
        for number in range(3):
            create = f'createCustomer(input: {{username: "c{number}", name: "C"}}) {{ customer {{ name }} }}'
            created = await asyncio.to_thread(serving.post, f"mutation {{ {create} }}")
            found = await asyncio.to_thread(serving.post, "{ customers { totalCount { value } } }")

            assert {"data": {"createCustomer": {"customer": {"name": "C"}}}} == created
            assert {"data": {"customers": {"totalCount": {"value": number + 1}}}} == found
            assert (200, "") == await asyncio.to_thread(ready, serving)

            proxy.break_links(Break.RESET)
    await execute(tidb.url(), f"DROP DATABASE {name}")


@pytest.mark.parametrize("url", ["asyncmy"], indirect=True)
async def test_a_late_database_needs_its_schema(url: str, mortal: TidbServer, spawn: Spawn) -> None:
    """A server that started before its database is ready once somebody has migrated it."""
    name = f"late_{uuid4().hex[:8]}"
    late = url.removesuffix("shop") + name
    await execute(mortal.url("information_schema"), f"CREATE DATABASE {name}")
    await asyncio.to_thread(mortal.kill)
    serving = await asyncio.to_thread(spawn.serve, database_url=late)
    without_it = await asyncio.to_thread(ready, serving)
    await asyncio.to_thread(mortal.start)
    await asyncio.to_thread(wait_until, lambda: ready(serving) != without_it)
    without_schema = await asyncio.to_thread(ready, serving)
    refused = await asyncio.to_thread(serving.post, "{ orders { nodes { id } } }")
    async with Database(DatabaseUrl.parse(late)) as database:
        await migrate.upgrade(database)

    assert (503, "The database is not reachable.") == without_it
    assert (503, "The database schema is outdated.") == without_schema
    assert ["SERVICE_UNAVAILABLE"] == [error["extensions"]["code"] for error in refused["errors"]]
    assert "Traceback" not in serving.output
    answer = await asyncio.to_thread(serving.post, "{ orders { nodes { id } } }")
    assert {"data": {"orders": {"nodes": []}}} == answer
    assert (200, "") == await asyncio.to_thread(ready, serving)


class Client:
    """Sends one document again and again: how many answers had no error, and the codes of the others."""

    def __init__(self, serving: Serving, query: str, customer: Customer) -> None:
        self.customer = customer
        self.done = 0
        self.codes: Counter[str] = Counter()
        self._url = f"{serving.url}/graphql"
        self._body = {"query": query, "variables": {"customer": global_id(customer)}}

    async def run(self, ended: asyncio.Event) -> None:
        async with httpx2.AsyncClient(timeout=30, verify=False) as client:
            while not ended.is_set():
                answer = (await client.post(self._url, json=self._body)).json()
                self.codes.update(error["extensions"]["code"] for error in answer.get("errors", ()))
                self.done += "errors" not in answer


async def restart_under(clients: list[Client], serving: Serving, mortal: TidbServer) -> None:
    """Kill TiDB and start it again, both while all clients are at work; liveness holds all along."""

    async def until(true: Callable[[], bool]) -> None:
        def alive_and_true() -> bool:
            assert 200 == serving.get("/livez").status_code
            return true()

        await asyncio.to_thread(wait_until, alive_and_true)

    await until(lambda: all(client.done for client in clients))
    await asyncio.to_thread(mortal.kill)
    await until(lambda: all(client.codes for client in clients))
    assert (503, "The database is not reachable.") == await asyncio.to_thread(ready, serving)
    await asyncio.to_thread(mortal.start)
    await until(lambda: ready(serving) == (200, ""))
    before = [client.done for client in clients]
    await until(lambda: all(client.done > done for client, done in zip(clients, before, strict=True)))


async def orders_of(database: Database, client: Client) -> int:
    statement = sa.select(sa.func.count()).where(orders.c.customer_id == client.customer.id)
    count: int = (await database.reader().fetch(statement))[0][0]
    return count


async def test_a_restart_of_the_database_needs_no_other(url: str, mortal: TidbServer, spawn: Spawn) -> None:
    """Clients get a coded error meanwhile; what was acknowledged is stored, and nothing twice."""
    serving = await asyncio.to_thread(spawn.serve, "--migrate", database_url=url)
    async with Database(DatabaseUrl.parse(url)) as database:
        readers = [Client(serving, READ, await create_customer(database)) for _ in range(4)]
        writers = [Client(serving, CREATE_ORDER, await create_customer(database)) for _ in range(4)]
    ended = asyncio.Event()
    running = asyncio.gather(*(client.run(ended) for client in (*readers, *writers)))
    await restart_under([*readers, *writers], serving, mortal)
    ended.set()
    await running
    code = await asyncio.to_thread(serving.stop)

    assert 0 == code
    assert {"SERVICE_UNAVAILABLE"} == {code for reader in readers for code in reader.codes}
    async with Database(DatabaseUrl.parse(url)) as database:
        for writer in writers:
            unknown = writer.codes.pop("OUTCOME_UNKNOWN", 0)
            assert {"SERVICE_UNAVAILABLE"} >= set(writer.codes)
            assert writer.done <= await orders_of(database, writer) <= writer.done + unknown
    assert PASSWORD not in serving.output
