"""gql for Python, with the schema that it fetched, against a real server."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport
from gql.utilities import update_schema_scalars
from graphql import GraphQLError, GraphQLScalarType

from db.engine.database import Database
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_sqlite
from tests.processes import Serving, Spawn

CUSTOMERS = """
query ($after: String, $orders: Int!) {
  customers(first: 2, after: $after) {
    nodes {
      id
      orders(first: $orders) { nodes { id } pageInfo { hasNextPage endCursor } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
ORDERS = """
query ($customer: ID!, $after: String) {
  customer(by: {id: $customer}) {
    orders(first: 2, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } }
  }
}
"""
SHOP = "{ customers(first: 100) { nodes { id orders(first: 100) { nodes { id } } } } }"
ORDER = "query ($reference: String!) { order(by: {reference: $reference}) { id placedAt total { amount } } }"
CREATE = """
mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order { id placedAt total { amount } }
    userErrors { code path }
  }
}
"""
DECIMAL = GraphQLScalarType("Decimal", serialize=str, parse_value=Decimal)
DATE_TIME = GraphQLScalarType("DateTime", serialize=datetime.isoformat, parse_value=datetime.fromisoformat)


def client_of(url: str, **headers: str) -> Client:
    """Checks documents before they are sent; turns amounts and moments into Python's own and back."""
    transport = HTTPXAsyncTransport(f"{url}/graphql", headers=headers)
    return Client(
        transport=transport, fetch_schema_from_transport=True, parse_results=True, serialize_variables=True
    )


@pytest.fixture
async def session(server: Serving) -> AsyncIterator[AsyncClientSession]:
    async with client_of(server.url) as session:
        update_schema_scalars(session.client.schema, [DECIMAL, DATE_TIME])
        yield session


async def ask(session: AsyncClientSession, document: str, **variables: Any) -> dict[str, Any]:
    return await session.execute(GraphQLRequest(document, variable_values=variables))


async def orders_of(session: AsyncClientSession, customer: dict[str, Any]) -> list[str]:
    """The ids of all orders of a customer who came with the first two."""
    page = customer["orders"]
    found = [node["id"] for node in page["nodes"]]
    while page["pageInfo"]["hasNextPage"]:
        after = page["pageInfo"]["endCursor"]
        page = (await ask(session, ORDERS, customer=customer["id"], after=after))["customer"]["orders"]
        found += [node["id"] for node in page["nodes"]]
    return found


async def test_gql_pages_through_all(session: AsyncClientSession, server: Serving) -> None:
    """Two customers at a time, and two orders of each: every row once, and in order."""
    found: list[tuple[str, list[str]]] = []
    page: dict[str, Any] = {"pageInfo": {"hasNextPage": True, "endCursor": None}}
    while page["pageInfo"]["hasNextPage"]:
        page = (await ask(session, CUSTOMERS, after=page["pageInfo"]["endCursor"], orders=2))["customers"]
        found += [(customer["id"], await orders_of(session, customer)) for customer in page["nodes"]]
    nodes = server.post(SHOP)["data"]["customers"]["nodes"]

    assert 30 <= len(nodes)
    assert [(each["id"], [order["id"] for order in each["orders"]["nodes"]]) for each in nodes] == found


async def test_gql_creates_an_order(session: AsyncClientSession) -> None:
    """With a Decimal and a datetime, in and out; the same again is a user error."""
    customer = (await ask(session, CUSTOMERS, orders=1))["customers"]["nodes"][0]["id"]
    placed = datetime.fromisoformat("2026-02-28T10:30:00.000001+01:00")
    total = {"amount": Decimal("12.50"), "currency": "EUR"}
    order_input = {"customerId": customer, "reference": "gql", "total": total, "placedAt": placed}
    created = (await ask(session, CREATE, input=order_input))["createOrder"]
    again = (await ask(session, CREATE, input=order_input))["createOrder"]
    order = (await ask(session, ORDER, reference="gql"))["order"]

    assert {"order": order, "userErrors": []} == created
    assert {"amount": Decimal("12.5")} == order["total"]
    assert (placed, timedelta(0)) == (order["placedAt"], order["placedAt"].utcoffset())
    assert {"order": None, "userErrors": [{"code": "TAKEN", "path": ["input", "reference"]}]} == again


async def test_gql_refuses_what_the_schema_does_not_have(session: AsyncClientSession) -> None:
    """By itself: the server gets no such document."""
    # What a server refuses is a TransportQueryError, which is none of these.
    with pytest.raises(GraphQLError, match="Cannot query field 'totals' on type 'Order'"):
        await session.execute(gql("{ orders { nodes { totals } } }"))


@on_sqlite
async def test_gql_finds_the_code_of_an_error(database: Database, database_url: str, spawn: Spawn) -> None:
    """Without a key, when it asks for the schema; with one it is let in."""
    key = await create_key(database, "admin")
    url = spawn.serve(database_url=database_url, auth="keys").url
    with pytest.raises(TransportQueryError) as refused:
        await client_of(url).connect_async()
    async with client_of(url, **bearer(key)) as session:
        answer = await session.execute(gql("{ orders { nodes { id } } }"))

    assert refused.value.errors is not None
    assert ["UNAUTHENTICATED"] == [error["extensions"]["code"] for error in refused.value.errors]
    assert {"orders": {"nodes": []}} == answer
