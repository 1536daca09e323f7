"""The receipt says what a request has cost, and says the truth."""

from typing import Any

import sqlalchemy as sa

from db import customers
from db.engine.database import Database
from db.models import Customer
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from tests.api import Api
from tests.factories import create_customer, create_order, line
from tests.shared_tidb import Statements

ASKED = {"tidegraph-receipt": "1"}
TREE = "{ customers { totalCount { value } nodes { orders { nodes { customer { name } lines { sku } } } } } }"


async def receipt(api: Api, query: str) -> dict[str, Any]:
    answer = (await api.client.post("/graphql", json={"query": query}, headers=ASKED)).json()
    found: dict[str, Any] = answer["extensions"]["receipt"]
    return found


async def test_a_query_has_its_receipt(database: Database, api: Api, statements: Statements) -> None:
    """Its statements are those that were sent, its rows those that came back."""
    customer = await create_customer(database)
    for _ in range(2):
        await create_order(database, customer, line("A"), line("B"))
    statements.clear()
    found = await receipt(api, TREE)
    spent = found.pop("databaseMs")

    # Customers, their orders, the orders' customer and lines, the count.
    assert 5 == len(statements)
    assert {
        "cost": 20 * (21 + 20 * 11) + 21 + 101 + 20 * 20 * 11 // 50,
        "statements": 5,
        "rows": 1 + 2 + 1 + 4 + 1,
        "attempts": 0,
        "retriedFor": [],
    } == found
    assert spent > 0


async def test_a_mutation_has_its_receipt(api: Api, statements: Statements) -> None:
    """BEGIN and COMMIT are no statements; one run of the transaction is one attempt."""
    mutation = 'mutation { createCustomer(input: {username: "a", name: "A"}) { customer { username } } }'
    found = await receipt(api, mutation)
    spent = found.pop("databaseMs")
    sent = [text for text in statements if text != "BEGIN IMMEDIATE"]

    # The customer, the words to find it by, its history, and the key that makes it happen once.
    assert 4 == len(sent)
    assert {"cost": 10, "statements": 4, "rows": 0, "attempts": 1, "retriedFor": []} == found
    assert spent > 0


async def test_a_rerun_is_on_the_receipt(database: Database) -> None:
    """Statements of both runs count, and the reason of the second is told."""
    receipt = QueryStatistics()

    async def work(transaction: Transaction) -> Customer:
        stored = await customers.insert(transaction, {"username": "ada", "name": "Ada"})
        if receipt.attempts == 1:
            raise sa.exc.OperationalError("INSERT", {}, Exception(9007, "Write conflict"))
        return stored

    await database.write(work, statistics=receipt)
    found = await customers.get_many(database.reader(statistics=receipt), "username", ["ada"])

    assert 1 == len(found)
    assert (7, 1) == (receipt.statements, receipt.rows)
    assert (2, ["write conflict"]) == (receipt.attempts, receipt.retried_for)


async def test_nobody_gets_a_receipt_unasked(api: Api) -> None:
    """In production an answer has no extensions without the header."""
    assert {"data": {"__typename": "Query"}} == await api.send("{ __typename }")


async def test_in_development_everybody_gets_one(database: Database) -> None:
    """The header is not needed there."""
    async with Api.of(database, env="development") as api:
        answer = await api.send("{ __typename }")

    assert 0 == answer["extensions"]["receipt"]["statements"]
