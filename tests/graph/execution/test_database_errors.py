"""What the client is told when the database is away, slow, busy or silent."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from db import customers
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.models import Customer
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id
from tests.faults.proxy import TidbProxy
from tests.table_rows import stored_rows

READ = "{ customers { nodes { id } } }"
RENAME = """
mutation ($id: ID!) { updateCustomer(input: { id: $id, name: "New" }) { customer { name version } } }
"""
CREATE = 'mutation { createCustomer(input: { username: "ada", name: "Ada" }) { customer { id } } }'


async def failure(api: Api, query: str, **variables: Any) -> tuple[str, str]:
    """Code and message of the one error of a field that is null, which was logged once."""
    with capture_logs() as logs:
        answer = await api.send(query, **variables)
    (error,) = answer["errors"]

    assert [None] == list(answer["data"].values())
    assert [("warning", error["extensions"]["code"])] == [
        (event["log_level"], event["code"]) for event in logs
    ]
    assert {"code", "retryable", "retryAfterMs", "idempotencyKey"} >= set(error["extensions"])
    return error["extensions"]["code"], error["message"]


@asynccontextmanager
async def locked(database: Database, customer: Customer) -> AsyncIterator[None]:
    """While a transaction elsewhere holds the customer's row."""
    async with Database(database.url) as elsewhere, elsewhere.writes.connect() as connection:
        await connection.begin()
        await customers.lock(Transaction(connection, Deadline.none(), QueryStatistics()), customer.id)
        yield
        await connection.rollback()


UNAVAILABLE = ("SERVICE_UNAVAILABLE", "The database is not available. Try again in a moment.")


@pytest.mark.parametrize("query", [READ, CREATE], ids=["read", "write"])
@pytest.mark.parametrize("driver", ["aiomysql", "asyncmy"])
async def test_a_database_that_is_away_is_unavailable(driver: str, query: str) -> None:
    """Nobody listens at its port."""
    url = DatabaseUrl.parse(f"mysql+{driver}://root:secret@127.0.0.1:1/tidegraph")
    async with Database(url) as database, Api.of(database) as api:
        assert UNAVAILABLE == await failure(api, query)


@on_tidb
async def test_a_database_that_goes_away_is_unavailable(proxied: Database, proxy: TidbProxy) -> None:
    """And needs no restart of the server when it comes back."""
    async with Api.of(proxied) as api:
        assert {"customers": {"nodes": []}} == await api.data(READ)
        proxy.refuse(True)
        proxy.cut()
        assert UNAVAILABLE == await failure(api, READ)
        assert UNAVAILABLE == await failure(api, CREATE)
        proxy.refuse(False)

        assert {"customers": {"nodes": []}} == await api.data(READ)


async def test_every_connection_in_use_is_a_busy_server(database_url: str) -> None:
    """Told after the pool's time-out, and forgotten when one is free again."""
    limits = Limits(pool_size=1, pool_timeout=0.1)
    async with Database(DatabaseUrl.parse(database_url), limits) as database, Api.of(database) as api:
        async with database.reads.connect():
            busy = await failure(api, READ)

        assert ("SERVICE_UNAVAILABLE", "The server is busy. Try again in a moment.") == busy
        assert {"customers": {"nodes": []}} == await api.data(READ)


@on_tidb
async def test_a_lock_held_past_the_deadline_is_a_timeout(database: Database) -> None:
    """The request ends by its own time-out, long before the wait for the lock would."""
    customer = await create_customer(database, name="Old")
    before = await stored_rows(database)
    async with Api.of(database, request_timeout=0.3, lock_timeout=0.1) as api:
        async with locked(database, customer):
            started = time.monotonic()
            timeout = await failure(api, RENAME, id=global_id(customer))
            took = time.monotonic() - started
        after = await stored_rows(database)
        renamed = await api.data(RENAME, id=global_id(customer))

    assert ("TIMEOUT", "The request timed out. Ask for less, or try again.") == timeout
    assert 0.3 <= took < 3
    assert before == after
    assert {"name": "New", "version": 2} == renamed["updateCustomer"]["customer"]


@on_tidb
@pytest.mark.parametrize("query", [READ, CREATE], ids=["read", "write"])
async def test_a_silent_database_is_a_timeout(proxied: Database, proxy: TidbProxy, query: str) -> None:
    """Its connection is open and nothing comes."""
    await create_customer(proxied)
    await stored_rows(proxied)
    async with Api.of(proxied, request_timeout=0.3, lock_timeout=0.1) as api:
        proxy.stall()
        timeout = await failure(api, query)
        proxy.resume()

    assert "TIMEOUT" == timeout[0]
    assert 1 == len((await stored_rows(proxied))["customers"])


async def test_a_lock_held_past_the_wait_is_a_conflict(database_url: str) -> None:
    """Within the deadline, with nothing written; the next try finds the row free."""
    limits = Limits(lock_timeout=0.2 if database_url.startswith("sqlite") else 1)
    async with Database(DatabaseUrl.parse(database_url), limits) as database, Api.of(database) as api:
        customer = await create_customer(database, name="Old")
        before = await stored_rows(database)
        async with locked(database, customer):
            conflict = await failure(api, RENAME, id=global_id(customer))
        after = await stored_rows(database)
        renamed = await api.data(RENAME, id=global_id(customer))

    message = "Conflict with concurrent changes of the same data. Nothing was written. Try again."
    assert ("CONFLICT", message) == conflict
    assert before == after
    assert {"name": "New", "version": 2} == renamed["updateCustomer"]["customer"]


@on_tidb
async def test_a_commit_without_an_answer_is_found_out(proxied: Database, proxy: TidbProxy) -> None:
    """The mutation meets its own key, and answers as if nothing had been."""
    await create_customer(proxied)
    async with Api.of(proxied) as api:
        proxy.cut_after_commit(times=3)
        created = await api.data(CREATE)

    assert created["createCustomer"]["customer"]["id"]
    assert 2 == len((await stored_rows(proxied))["customers"])


@on_tidb
async def test_a_database_that_is_away_after_commit_is_asked_when_it_is_back(
    proxied: Database, proxy: TidbProxy
) -> None:
    """The answer of COMMIT is lost, and for a while nobody can say what became of it."""
    await create_customer(proxied)

    def leave(_connection: sa.Connection) -> None:
        proxy.cut_after_commit()
        proxy.refuse(True)
        asyncio.get_running_loop().call_later(1, proxy.refuse, False)

    sa.event.listen(proxied.writes.sync_engine, "commit", leave, once=True)
    async with Api.of(proxied) as api:
        created = await api.data(CREATE)

    assert created["createCustomer"]["customer"]["id"]
    assert 2 == len((await stored_rows(proxied))["customers"])


@on_tidb
async def test_commits_that_never_arrive_have_an_unknown_outcome(proxied: Database, proxy: TidbProxy) -> None:
    """The key that the server made comes with the error, and makes the mutation happen once."""
    await create_customer(proxied)
    async with Api.of(proxied) as api:
        proxy.cut_before_commit(times=100)
        (error,) = (await api.send(CREATE))["errors"]
        proxy.mend()
        key = error["extensions"]["idempotencyKey"]
        again = CREATE.replace('name: "Ada"', f'name: "Ada", idempotencyKey: "{key}"')
        first, second = await api.data(again), await api.data(again)

    assert "OUTCOME_UNKNOWN" == error["extensions"]["code"]
    assert error["extensions"]["retryable"]
    assert first == second
    assert 2 == len((await stored_rows(proxied))["customers"])
