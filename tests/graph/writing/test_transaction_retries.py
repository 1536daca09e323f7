"""The budget of re-runs that a request has, what its receipt tells, and the advice when it is spent."""

from dataclasses import replace
from typing import Any

import pytest

from db import customers
from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id
from tests.faults.packets import Fault, Packet
from tests.faults.proxy import TidbProxy
from tests.graph.execution.test_database_errors import RENAME, locked

ASKED = {"tidegraph-receipt": "1"}
CREATE = """
mutation {
  a: createCustomer(input: { username: "a", name: "A" }) { customer { version } }
  b: createCustomer(input: { username: "b", name: "B" }) { customer { version } }
  c: createCustomer(input: { username: "c", name: "C" }) { customer { version } }
}
"""
CUSTOMERS, HISTORY = "INSERT INTO customers ", "INSERT INTO history "


class Script:
    """Faults in order, each of the next statement that begins so and names what is named."""

    def __init__(self, *faults: tuple[str, str, Fault]) -> None:
        self.left = list(faults)

    def __call__(self, packet: Packet) -> Fault | None:
        if not self.left:
            return None
        beginning, named, fault = self.left[0]
        if not (packet.text.startswith(beginning) and named in packet.text):
            return None
        del self.left[0]
        return fault


async def send(api: Api, query: str, **variables: Any) -> tuple[Any, Any]:
    """Of an answer with an error its extensions, and attempts and reasons on the receipt."""
    body = {"query": query, "variables": variables}
    answer = (await api.client.post("/graphql", json=body, headers=ASKED)).json()
    receipt = answer["extensions"]["receipt"]
    (error,) = answer["errors"]
    return error["extensions"], (receipt["attempts"], receipt["retriedFor"])


async def created(database: Database) -> list[str]:
    """Which of a, b and c are there."""
    rows = await customers.get_many(database.reader(), "username", ["a", "b", "c"])
    return sorted(row.username for row in rows)


async def _limited(proxied: Database, **limits: Any) -> Database:
    """Another one over the same line, with connections at hand that need no more set-up."""
    database = Database(proxied.url, replace(Limits(), **limits))
    await create_customer(database)
    return database


@on_tidb
async def test_the_mutations_of_a_request_share_its_attempts(proxied: Database, proxy: TidbProxy) -> None:
    """Two of three re-runs are spent by the first two mutations, so that the third has none."""
    script = Script(*((CUSTOMERS, f"'{name}'", Fault.AFTER) for name in "abc"))
    async with await _limited(proxied, retry_attempts=3) as database, Api.of(database) as api:
        proxy.at_random(script)
        advice, runs = await send(api, CREATE)

    assert [] == script.left
    assert ["a", "b"] == await created(proxied)
    assert ("SERVICE_UNAVAILABLE", True) == (advice["code"], advice["retryable"])
    assert 0 < advice["retryAfterMs"]
    assert (2 + 2 + 1, ["connection lost"] * 2) == runs


@on_tidb
async def test_the_mutations_of_a_request_share_its_seconds(proxied: Database, proxy: TidbProxy) -> None:
    """They count from the first failure: after half a second the next one is the last, and c runs once."""
    script = Script(
        (CUSTOMERS, "'a'", Fault.AFTER), (CUSTOMERS, "'b'", Fault.STALLED), (HISTORY, "", Fault.AFTER)
    )
    proxy.stall_seconds = 0.6
    async with await _limited(proxied, retry_seconds=0.5) as database, Api.of(database) as api:
        proxy.at_random(script)
        advice, runs = await send(api, CREATE)

    assert [] == script.left
    assert ["a", "c"] == await created(proxied)
    assert "SERVICE_UNAVAILABLE" == advice["code"]
    assert (2 + 1 + 1, ["connection lost"]) == runs


async def test_a_conflict_says_when_to_come_again(database_url: str) -> None:
    """The row's lock was waited for twice, which the receipt tells; that of SQLite's file once."""
    on_sqlite = database_url.startswith("sqlite")
    limits = Limits(lock_timeout=0.2 if on_sqlite else 1)
    async with Database(DatabaseUrl.parse(database_url), limits) as database, Api.of(database) as api:
        customer = await create_customer(database)
        async with locked(database, customer):
            advice, runs = await send(api, RENAME, id=global_id(customer))

    after = pytest.approx(150 if on_sqlite else 225, abs=1)
    assert {"code": "CONFLICT", "retryable": True, "retryAfterMs": after} == advice
    assert ((1, []) if on_sqlite else (2, ["lock wait timeout"])) == runs
