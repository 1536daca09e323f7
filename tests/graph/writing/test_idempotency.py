"""A mutation that is sent again with its key happens once, and what is kept under the key."""

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers
from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.models import idempotency_keys
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id
from tests.graph.execution.test_database_errors import locked
from tests.graph.writing.user_errors import PROBLEM, taken
from tests.table_rows import stored_rows

CREATE = (
    """
    mutation ($input: CreateCustomerInput!) {
      createCustomer(input: $input) {
        customer { id username name version createdAt }
        userErrors { ...Problem ... on KeyReusedError { mutation } }
      }
    }
    """
    + PROBLEM
)
RENAME = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) {
    customer { name version } userErrors { code ... on KeyReusedError { mutation } }
  }
}
"""
ADA = {"username": "ada", "name": "Ada", "idempotencyKey": "key-1"}


async def create(api: Api, **input: Any) -> Any:
    return (await api.data(CREATE, input={**ADA, **input}))["createCustomer"]


async def keys(database: Database) -> list[str]:
    rows = await database.reader().fetch(sa.select(idempotency_keys.c.idempotency_key))
    return sorted(row[0] for row in rows)


async def test_the_same_again_has_the_same_answer(database: Database, api: Api) -> None:
    """Also after the customer has been changed: its own columns as they were written."""
    first = await create(api)
    renamed = {"id": first["customer"]["id"], "name": "Ada Lovelace"}
    await api.data(RENAME, input=renamed)
    before = await stored_rows(database)
    second = await create(api)

    assert [] == first["userErrors"]
    assert first == second
    assert before == await stored_rows(database)


async def test_two_at_once_with_one_key_run_once(database: Database, api: Api) -> None:
    """All get the answer of the one that ran."""
    customer = await create_customer(database, name="Old")
    renamed = {"id": global_id(customer), "name": "New", "idempotencyKey": "key-2"}
    created = await asyncio.gather(*(create(api) for _ in range(8)))
    changed = await asyncio.gather(*(api.data(RENAME, input=renamed) for _ in range(8)))
    after = await stored_rows(database)

    assert [created[0]] * 8 == created
    assert [] == created[0]["userErrors"]
    expected = {"customer": {"name": "New", "version": 2}, "userErrors": []}
    assert [{"updateCustomer": expected}] * 8 == changed
    assert ["Ada", "New"] == sorted(row[2] for row in after["customers"])
    assert 3 == len(after["history"])


async def test_a_key_is_not_for_another_input_or_mutation(database: Database, api: Api) -> None:
    """What it was used for is told, and nothing is written."""
    created = await create(api)
    before = await stored_rows(database)
    other = await create(api, username="grace")
    renamed = {"id": created["customer"]["id"], "name": "New", "idempotencyKey": ADA["idempotencyKey"]}
    changed = (await api.data(RENAME, input=renamed))["updateCustomer"]

    (problem,) = other["userErrors"]
    assert ("KEY_REUSED", "createCustomer") == (problem["code"], problem["mutation"])
    assert ["input", "idempotencyKey"] == problem["path"]
    assert [{"code": "KEY_REUSED", "mutation": "createCustomer"}] == changed["userErrors"]
    assert [None, None] == [other["customer"], changed["customer"]]
    assert before == await stored_rows(database)


async def test_a_mistake_in_the_input_is_not_kept(database: Database, api: Api) -> None:
    """With the mistake mended the same key works."""
    refused = await create(api, username="")
    kept = await keys(database)
    created = await create(api)

    assert ["REQUIRED"] == [problem["code"] for problem in refused["userErrors"]]
    assert [] == kept
    assert "ada" == created["customer"]["username"]


async def test_a_user_error_of_the_database_is_kept(database: Database, api: Api) -> None:
    """Although it would work now: the same key and input give the same answer."""
    customer = await create_customer(database, username="ada")
    first = await create(api)
    await database.write(lambda transaction: customers.delete(transaction, customer.id))
    second = await create(api)
    with_another_key = await create(api, idempotencyKey="key-2")

    assert {"customer": None, "userErrors": [taken("ada", "username")]} == first
    assert first == second
    assert "ada" == with_another_key["customer"]["username"]
    assert ["key-1", "key-2"] == await keys(database)


async def test_a_bug_is_not_kept(database: Database, api: Api) -> None:
    """Its answer is masked, and the same key works once it is mended."""

    def fail(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "history" in statement:
            raise KeyError("a bug")

    sa.event.listen(database.writes.sync_engine, "before_cursor_execute", fail)
    masked = await api.code(CREATE, input=ADA)
    sa.event.remove(database.writes.sync_engine, "before_cursor_execute", fail)
    kept = await keys(database)
    created = await create(api)

    assert "INTERNAL_SERVER_ERROR" == masked
    assert [] == kept
    assert "ada" == created["customer"]["username"]


@on_tidb
async def test_a_timeout_is_not_kept(database: Database) -> None:
    """The row is locked for longer than the request may take."""
    customer = await create_customer(database)
    renamed = {"id": global_id(customer), "name": "New", "idempotencyKey": "key-1"}
    async with Api.of(database, request_timeout=0.3, lock_timeout=0.1) as api, locked(database, customer):
        timeout = await api.code(RENAME, input=renamed)
    kept = await keys(database)
    async with Api.of(database) as api:
        changed = (await api.data(RENAME, input=renamed))["updateCustomer"]

    assert "TIMEOUT" == timeout
    assert [] == kept
    assert 2 == changed["customer"]["version"]


async def test_a_conflict_is_not_kept(database_url: str) -> None:
    """The row is locked for longer than is waited."""
    limits = Limits(lock_timeout=0.2 if database_url.startswith("sqlite") else 1)
    async with Database(DatabaseUrl.parse(database_url), limits) as database, Api.of(database) as api:
        customer = await create_customer(database)
        renamed = {"id": global_id(customer), "name": "New", "idempotencyKey": "key-1"}
        async with locked(database, customer):
            conflict = await api.code(RENAME, input=renamed)
        kept = await keys(database)
        changed = (await api.data(RENAME, input=renamed))["updateCustomer"]

    assert "CONFLICT" == conflict
    assert [] == kept
    assert 2 == changed["customer"]["version"]


@pytest.mark.parametrize("input", [{}, {"idempotencyKey": None}], ids=["left out", "null"])
async def test_without_a_key_each_is_another(api: Api, input: dict[str, Any]) -> None:
    """The server's own keys differ from request to request."""
    sent = {"username": "ada", "name": "Ada", **input}
    first, second = [(await api.data(CREATE, input=sent))["createCustomer"] for _ in range(2)]

    assert "ada" == first["customer"]["username"]
    assert [taken("ada", "username")] == second["userErrors"]
