"""A real server from its start to its end: what it says, and that it keeps what it acknowledged."""

import asyncio
import json
import signal
import sqlite3
from contextlib import closing
from itertools import count
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.models import customers
from graph.app import create_app
from graph.console import Console
from graph.http.server import Server
from tests.api import read as read_settings
from tests.conftest import KINDS, on_sqlite
from tests.factories import create_customer, global_id
from tests.processes import Serving, Spawn, wait_until
from tests.sockets import connect, exchange, read

CREATE = """
mutation ($input: CreateCustomerInput!) {
  createCustomer(input: $input) { customer { username } userErrors { code } }
}
"""
UPDATE = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) { customer { name version } userErrors { code } }
}
"""
both = pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)


def events(serving: Serving) -> list[dict[str, Any]]:
    """Its log: every line is JSON."""
    return [json.loads(line) for line in serving.output.splitlines()]


@on_sqlite
def test_production_speaks_json(database_url: str, spawn: Spawn) -> None:
    """Start and end are events like any other, for those who collect logs."""
    serving = spawn.serve(database_url=database_url)
    code = serving.stop(signal.SIGTERM)
    started, stopped = events(serving)

    assert 0 == code
    assert ("serving", "info", f"{serving.url}/graphql", database_url) == tuple(
        started[key] for key in ("event", "level", "api", "database")
    )
    assert ("stopped", "info", "SIGTERM") == tuple(stopped[key] for key in ("event", "level", "signal"))


@on_sqlite
def test_development_speaks_to_people(database_url: str, spawn: Spawn) -> None:
    """The addresses to open, and one line at the end; Ctrl-C is no failure."""
    serving = spawn.serve(database_url=database_url, env="development")
    code = serving.stop(signal.SIGINT)

    assert 0 == code
    assert [
        f"Tidegraph is running on {database_url}. Press Ctrl-C to stop.",
        f"  API        {serving.url}/graphql  (POST)",
        f"  GraphiQL   {serving.url}/graphql  (in a browser)",
        f"  Readiness  {serving.url}/readyz",
        "Tidegraph has stopped.",
    ] == serving.output.splitlines()


@on_sqlite
def test_a_bug_is_logged_once_and_without_data(database_url: str, spawn: Spawn) -> None:
    """The client gets an id; the log has it with the traceback, but not what the client sent."""
    serving = spawn.serve(database_url=database_url)
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as connection:
        overflow = "SELECT abs(-9223372036854775807 - 1)"
        connection.execute(f"CREATE TRIGGER broken BEFORE INSERT ON customers BEGIN {overflow}; END")
    answer = serving.post(CREATE, input={"username": "ada", "name": "Ada S3cret"})
    (error,) = answer["errors"]
    serving.stop(signal.SIGINT)
    _, logged, _ = events(serving)

    assert "INTERNAL_SERVER_ERROR" == error["extensions"]["code"]
    assert ("internal error", "error") == (logged["event"], logged["level"])
    assert error["extensions"]["errorId"] == logged["error_id"]
    assert logged["exception"].endswith("\ndb.errors.StatementFailed: integer overflow")
    assert "S3cret" not in serving.output


class Load:
    """Clients that create customers one after the other until the server is gone."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.acknowledged: set[str] = set()
        self.failed: set[str] = set()
        self.refused: list[Any] = []
        self._numbers = count(1)

    async def run(self, clients: int) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(self._client())

    async def _client(self) -> None:
        async with httpx2.AsyncClient(timeout=30, verify=False) as client:
            while not self.failed:
                await self._create(client, f"customer-{next(self._numbers)}")

    async def _create(self, client: httpx2.AsyncClient, username: str) -> None:
        body = {"query": CREATE, "variables": {"input": {"username": username, "name": "Ada"}}}
        try:
            answer = (await client.post(f"{self.url}/graphql", json=body)).json()
        except httpx2.TransportError:
            self.failed.add(username)
            return
        if answer == {"data": {"createCustomer": {"customer": {"username": username}, "userErrors": []}}}:
            self.acknowledged.add(username)
        else:
            self.refused.append(answer)


async def usernames(database: Database) -> set[str]:
    return {row.username for row in await database.reader().fetch(sa.select(customers.c.username))}


@both
async def test_what_was_acknowledged_is_stored(database_url: str, database: Database, spawn: Spawn) -> None:
    """SIGTERM in the middle of many writes loses none that a client was told of, and fails none."""
    serving = await asyncio.to_thread(spawn.serve, database_url=database_url, shutdown_delay="0.3")
    load = Load(serving.url)
    running = asyncio.create_task(load.run(clients=16))
    await asyncio.to_thread(wait_until, lambda: len(load.acknowledged) >= 50)
    code = await asyncio.to_thread(serving.stop, signal.SIGTERM)
    await running
    stored = await usernames(database)

    assert 0 == code
    assert [] == load.refused
    assert set() == load.acknowledged - stored
    assert set() == stored - load.acknowledged - load.failed


async def refuses_connections(serving: Serving) -> None:
    """Wait until nobody listens at the server's address."""
    port = int(serving.url.rpartition(":")[2])
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            return
        except ConnectionResetError:
            # It still waited to be accepted when the listener closed.
            continue
        writer.close()
        await writer.wait_closed()


@both
async def test_an_answer_under_way_is_completed(database_url: str, database: Database, spawn: Spawn) -> None:
    """A write that waits for a lock when the listener closes is stored, and its client gets to know."""
    customer = await create_customer(database)
    limits = {"lock_timeout": "14", "request_timeout": "30", "shutdown_delay": "1"}
    serving = await asyncio.to_thread(spawn.serve, database_url=database_url, **limits)
    async with database.writes.connect() as other:
        await other.execute(customers.update().values(version=7))
        waiting = asyncio.create_task(
            asyncio.to_thread(serving.post, UPDATE, input={"id": global_id(customer), "name": "Ada"})
        )
        serving.process.send_signal(signal.SIGTERM)
        await refuses_connections(serving)
        assert not waiting.done()
        await other.rollback()
    changed = {"customer": {"name": "Ada", "version": 2}, "userErrors": []}

    assert {"data": {"updateCustomer": changed}} == await waiting
    assert 0 == await asyncio.to_thread(serving.process.wait, 30)
    assert '"event": "stopped"' in serving.output.splitlines()[-1]


@on_sqlite
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGHUP])
def test_responses_close_their_connections_while_the_server_drains(
    sent: signal.Signals, database_url: str, spawn: Spawn
) -> None:
    """Those on old connections and on new ones, of /graphql and of probes; until then none does."""
    serving = spawn.serve(database_url=database_url, shutdown_delay="60")
    ping = b"GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
    query = b"GET /graphql?query=%7B__typename%7D HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with connect(serving.url) as old, connect(serving.url) as half:
        old.sendall(ping)
        before = read(old)
        half.sendall(query[:20])
        serving.process.send_signal(sent)
        wait_until(lambda: serving.get("/readyz").status_code == 503)
        old.sendall(ping)
        drained = [read(old), exchange(serving.url, query)]
        # The second signal ends the delay.
        serving.process.send_signal(sent)
        wait_until(lambda: closed(serving.url))
        half.sendall(query[20:])
        drained.append(read(half))

    assert 0 == serving.process.wait(30)
    assert "connection" not in before.headers
    assert [(200, "close")] * 3 == [(each.status, each.headers["connection"]) for each in drained]
    assert sent.name == events(serving)[-1]["signal"]


def closed(url: str) -> bool:
    try:
        connect(url).close()
    except ConnectionError:
        return True
    return False


@on_sqlite
async def test_a_request_that_runs_when_draining_begins_closes_its_connection(
    database_url: str, database: Database, spawn: Spawn
) -> None:
    """It began before the signal, and its response comes after it."""
    customer = await create_customer(database)
    limits = {"lock_timeout": "14", "request_timeout": "30", "shutdown_delay": "60"}
    serving = await asyncio.to_thread(spawn.serve, database_url=database_url, **limits)
    async with database.writes.connect() as other:
        await other.execute(customers.update().values(version=7))
        waiting = asyncio.create_task(
            asyncio.to_thread(
                httpx2.post,
                f"{serving.url}/graphql",
                json={"query": UPDATE, "variables": {"input": {"id": global_id(customer), "name": "Ada"}}},
                timeout=30,
            )
        )
        # Its key is looked for first, and nothing shows that it waits.
        await asyncio.sleep(0.5)
        serving.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(wait_until, lambda: serving.get("/readyz").status_code == 503)
        await other.rollback()

    assert "close" == (await waiting).headers["connection"]


@on_sqlite
@pytest.mark.parametrize(("found", "is_caught"), [(signal.SIG_IGN, False), (signal.SIG_DFL, True)])
async def test_sighup_stays_ignored_under_nohup(
    found: signal.Handlers, is_caught: bool, database: Database
) -> None:
    """A process that was started so outlives its terminal."""
    settings = read_settings()
    server = Server(create_app(settings, database), settings, Console(settings), ("127.0.0.1", 0))
    before = signal.signal(signal.SIGHUP, found)
    try:
        with server.capture_signals():
            caught = signal.getsignal(signal.SIGHUP)
        after = signal.getsignal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)

    assert (server.handle_exit if is_caught else found) == caught
    assert found == after


@both
async def test_a_held_lock_is_a_conflict(database_url: str, database: Database, spawn: Spawn) -> None:
    """Under the settings' defaults that comes before the deadline, for those behind the first one, too."""
    customer = await create_customer(database)
    serving = await asyncio.to_thread(spawn.serve, database_url=database_url)
    async with database.writes.connect() as other:
        await other.execute(customers.update().values(version=7))
        change = {"id": global_id(customer), "name": "Ada"}
        waiting = [asyncio.to_thread(serving.post, UPDATE, input=change) for _ in range(2)]
        answers = await asyncio.gather(*waiting)
        await other.rollback()
    codes = [error["extensions"]["code"] for answer in answers for error in answer["errors"]]

    assert ["CONFLICT", "CONFLICT"] == codes
