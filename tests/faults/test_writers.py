"""Clients that change the same customers at once, through a real server: every change is counted once."""

import asyncio

import httpx2
import pytest

from db import customers
from db.engine.database import Database
from tests.conftest import KINDS
from tests.factories import create_customer, global_id
from tests.processes import Spawn

WRITERS, CUSTOMERS, CHANGES = 16, 4, 400
UPDATE = """
mutation ($input: UpdateCustomerInput!) {
  updateCustomer(input: $input) { customer { version } userErrors { code } }
}
"""


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_every_change_of_every_client_is_counted_once(
    database_url: str, database: Database, spawn: Spawn
) -> None:
    """16 writers, 4 customers, 400 changes: no answer has an error, and no version is given out twice."""
    rows = [await create_customer(database) for _ in range(CUSTOMERS)]
    serving = await asyncio.to_thread(spawn.serve, database_url=database_url)
    versions: dict[int, list[int]] = {row.id: [] for row in rows}

    async def write(client: httpx2.AsyncClient, writer: int) -> None:
        for turn in range(CHANGES // WRITERS):
            row = rows[(writer + turn) % len(rows)]
            change = {"id": global_id(row), "name": f"Name {writer} {turn}"}
            body = {"query": UPDATE, "variables": {"input": change}}
            answer = (await client.post(f"{serving.url}/graphql", json=body)).json()
            versions[row.id].append(answer["data"]["updateCustomer"]["customer"]["version"])

    async with httpx2.AsyncClient(timeout=60, verify=False) as client:
        await asyncio.gather(*(write(client, writer) for writer in range(WRITERS)))
    found = await customers.get_many(database.reader(), "id", [row.id for row in rows])
    each = CHANGES // CUSTOMERS

    assert [1 + each] * CUSTOMERS == [row.version for row in found]
    assert [list(range(2, 2 + each))] * CUSTOMERS == [sorted(numbers) for numbers in versions.values()]
