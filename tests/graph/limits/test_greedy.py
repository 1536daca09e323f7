"""A caller whose requests are slow, and many: nobody else waits for them."""

import asyncio
import time

import sqlalchemy as sa

from db.engine.database import Database
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_tidb
from tests.factories import create_customer, global_id
from tests.open_transaction import open_transaction

UPDATE = 'mutation ($id: ID!) { updateCustomer(input: {id: $id, name: "N"}) { customer { id } } }'
CREATE = (
    'mutation ($name: String!) { createCustomer(input: {username: $name, name: "N"}) { customer { id } } }'
)
READ = "{ customers(first: 1) { nodes { id orders { nodes { id } } } } }"


@on_tidb
async def test_held_locks_of_one_caller_keep_no_other_waiting(database: Database) -> None:
    """64 of its mutations run and more wait, all for one row; another's are answered meanwhile."""
    row = await create_customer(database)
    greedy = bearer(await create_key(database, "admin", name="greedy"))
    other = bearer(await create_key(database, "admin", name="other"))
    lock = sa.text(f"SELECT id FROM customers WHERE id = {row.id} FOR UPDATE")
    async with Api.of(database, auth="keys") as api:
        async with open_transaction(database, lambda transaction: transaction.fetch(lock)):
            body = {"query": UPDATE, "variables": {"id": global_id(row)}}
            waiting = [
                asyncio.create_task(api.client.post("/graphql", json=body, headers=greedy))
                for _ in range(200)
            ]
            await asyncio.sleep(0.5)
            started = time.monotonic()
            answers = [
                await api.client.post(
                    "/graphql", json={"query": query, "variables": {"name": name}}, headers=other
                )
                for query, name in ((CREATE, "ada"), (READ, ""), (CREATE, "bob"), (READ, ""))
            ]
            took = time.monotonic() - started
            unfinished = [each for each in waiting if not each.done()]
        refused = {answer.status_code for answer in await asyncio.gather(*waiting)}

    assert [False] * 4 == ["errors" in answer.json() for answer in answers]
    assert 200 == len(unfinished)
    assert took < 2
    assert refused <= {200, 429}
