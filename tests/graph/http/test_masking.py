"""Bugs: the client gets a coded answer and an id, the log everything, and nobody gets it twice."""

import json
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa
import strawberry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route
from structlog.testing import capture_logs

from db import models
from db.domain_errors import CustomerArchived
from db.engine.database import Database
from db.errors import DataInconsistency
from graph.auth.authentication import Authentication
from graph.errors import MASKED_MESSAGE
from graph.execution.document_cache import Documents
from graph.http.endpoint import GraphQLEndpoint
from graph.http.graphiql import GraphiQL
from graph.http.health import Health
from graph.http.request_ids import RequestIds
from graph.http.trusted_documents import TrustedDocuments
from graph.limits.body_memory import BodyMemoryLimit
from graph.limits.concurrency_limit import ConcurrencyLimit
from graph.limits.limit_settings import LimitSettings
from graph.limits.rate_limit import RateLimiter
from graph.types.fields import Load, batched
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line


async def break_lines(database: Database) -> None:
    """Put a view in the place of the table that raises when it is read, and cannot be written."""
    sku = "abs(-9223372036854775807 - 1) AS sku"
    others = "'x' AS name, 1 AS quantity, 1 AS unit_price, 'EUR' AS currency"
    row = f"id AS order_id, 0 AS position, {sku}, {others}"
    async with database.writes.begin() as connection:
        await connection.execute(sa.text("DROP TABLE order_lines"))
        await connection.execute(sa.text(f"CREATE VIEW order_lines AS SELECT {row} FROM orders"))


def masked(answer: Any, *paths: list[str | int]) -> str:
    """The one id of the errors at these paths, of which nothing else is said."""
    errors = answer["errors"]
    (error_id,) = {error["extensions"]["errorId"] for error in errors}
    extensions = {"code": "INTERNAL_SERVER_ERROR", "errorId": error_id}

    assert sorted(paths, key=str) == sorted((error["path"] for error in errors), key=str)
    assert [(MASKED_MESSAGE, extensions)] * len(paths) == [
        (error["message"], error["extensions"]) for error in errors
    ]
    return str(error_id)


@on_sqlite
async def test_a_broken_batch_is_masked_and_logged_once(database: Database, api: Api) -> None:
    """Three orders whose lines cannot be read are three errors and one event, with one id."""
    customer = await create_customer(database)
    ids = [global_id(await create_order(database, customer, line())) for _ in range(3)]
    await break_lines(database)

    with capture_logs() as logs:
        answer = await api.send(
            "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Order { lines { sku } } } }", ids=ids
        )

    error_id = masked(answer, *(["nodes", index, "lines"] for index in range(3)))
    assert {"nodes": [None, None, None]} == answer["data"]
    assert "order_lines" not in json.dumps(answer)
    (event,) = logs
    assert ("error", "internal error", error_id) == (event["log_level"], event["event"], event["error_id"])
    assert "integer overflow" in str(event["exc_info"])


@on_sqlite
async def test_a_broken_write_is_masked_and_undone(database: Database, api: Api) -> None:
    """The order without its lines is not stored."""
    customer = await create_customer(database)
    await break_lines(database)
    money = '{ amount: "1", currency: "EUR" }'

    with capture_logs() as logs:
        answer = await api.send(
            f"""
            mutation ($id: ID!) {{
              createOrder(
                input: {{
                  customerId: $id
                  lines: [{{ sku: "A", name: "A", quantity: 1, unitPrice: {money} }}]
                }}
              ) {{ order {{ id }} }}
            }}
            """,
            id=global_id(customer),
        )

    orders = await database.reader().fetch(sa.select(models.orders.c.id))
    assert masked(answer, ["createOrder"]) == logs[0]["error_id"]
    assert ([], 1) == (list(orders), len(logs))


@on_sqlite
@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("version", 2**31, "version"),
        ("status", "LOST", "status"),
        ("status", "LOST", "allowedTransitions"),
    ],
)
async def test_a_row_that_the_schema_cannot_show_is_masked(
    database: Database, api: Api, column: str, value: object, field: str
) -> None:
    """What graphql-core says of a value of ours is no client's mistake, and it quotes the value."""
    order = await create_order(database, await create_customer(database))
    async with database.writes.begin() as connection:
        await connection.execute(sa.text(f"UPDATE orders SET {column} = :value"), {"value": value})

    with capture_logs() as logs:
        answer = await api.send(
            f"query ($id: ID!) {{ order(by: {{ id: $id }}) {{ {field} }} }}", id=global_id(order)
        )

    error_id = masked(answer, ["order", field])
    assert {"order": None} == answer["data"]
    assert [("error", error_id)] == [(event["log_level"], event["error_id"]) for event in logs]


class Broken:
    """A schema whose batch function raises what it is given, behind the real endpoint."""

    def __init__(self, exception: Exception) -> None:
        async def batch(_reader: object, _keys: Sequence[Any]) -> list[str]:
            raise exception

        def plan(_parent: object, _arguments: object) -> Load:
            return Load(None)

        @strawberry.type
        class Query:
            broken: str | None = batched(batch, plan, [], scope=None, description="It fails.")

        self.schema = strawberry.Schema(Query)

    async def ask(self, database: Any, query: str) -> httpx2.Response:
        documents = Documents(self.schema._schema, LimitSettings(), suggestions=False)
        health = Health(database)
        limits = LimitSettings()
        crowd = (
            limits,
            RateLimiter("", "memory://"),
            ConcurrencyLimit(limits),
            BodyMemoryLimit(limits.bodies_limit),
            TrustedDocuments({}),
        )
        parts = self.schema, documents, database, Authentication(), health, GraphiQL()
        endpoint = GraphQLEndpoint(*parts, 10, 20_000, *crowd)
        routes = [Route("/graphql", endpoint, methods=["POST"])]
        app = Starlette(routes=routes, middleware=[Middleware(RequestIds)])
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/graphql", json={"query": query})


@on_sqlite
async def test_an_exception_of_a_batch_function_is_masked(database: Database) -> None:
    """Its text stays in the log, and so do the names of its type and module."""
    broken = Broken(ValueError("password of the database: secret"))

    with capture_logs() as logs:
        response = await broken.ask(database, "{ a: broken b: broken }")

    assert masked(response.json(), ["a"], ["b"]) == logs[0]["error_id"]
    assert (200, {"a": None, "b": None}) == (response.status_code, response.json()["data"])
    assert [] == [word for word in ("secret", "ValueError", "Traceback") if word in response.text]
    assert ["password of the database: secret"] == [str(event["exc_info"]) for event in logs]


@on_sqlite
async def test_inconsistent_data_calls_somebody(database: Database) -> None:
    """The client sees what it sees of any bug."""
    with capture_logs() as logs:
        response = await Broken(DataInconsistency("8141")).ask(database, "{ broken }")

    assert masked(response.json(), ["broken"]) == logs[0]["error_id"]
    assert ["critical"] == [event["log_level"] for event in logs]


async def test_a_bug_outside_the_fields_is_masked_too() -> None:
    """The endpoint itself answers in JSON, with an id."""
    with capture_logs() as logs:
        response = await Broken(ValueError()).ask(None, "{ broken }")

    (error,) = response.json()["errors"]
    assert (500, "INTERNAL_SERVER_ERROR") == (response.status_code, error["extensions"]["code"])
    assert [error["extensions"]["errorId"]] == [event["error_id"] for event in logs]


@on_sqlite
async def test_an_unhandled_domain_error_is_a_bug(database: Database) -> None:
    """In a field and outside of the fields; it does not look like an unavailable database."""
    with capture_logs() as logs:
        response = await Broken(CustomerArchived()).ask(database, "{ broken }")
        outside = await Broken(CustomerArchived()).ask(None, "{ broken }")

    assert masked(response.json(), ["broken"]) == logs[0]["error_id"]
    assert 500 == outside.status_code


@on_sqlite
async def test_what_was_read_before_a_bug_is_shown(database: Database, api: Api) -> None:
    """A field that failed is null where it may be, and its neighbours are there."""
    order = await create_order(database, await create_customer(database, username="ada"), line())
    await break_lines(database)

    with capture_logs():
        answer = await api.send(
            """
            query ($id: ID!) {
              customer(by: { username: "ada" }) { username }
              order(by: { id: $id }) { lines { sku } }
            }
            """,
            id=global_id(order),
        )

    masked(answer, ["order", "lines"])
    assert {"customer": {"username": "ada"}, "order": None} == answer["data"]
