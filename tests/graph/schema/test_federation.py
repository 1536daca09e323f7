"""As a subgraph of Apollo Federation: _service, and _entities with their cost, scopes and owners."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from graphql import build_schema, parse

from db.engine.database import Database
from graph import schema
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.factories import create_customer, create_order, global_id
from tests.shared_tidb import Statements
from tests.two_customers import TwoCustomers

ENTITIES = """query ($of: [_Any!]!) {
  _entities(representations: $of) {
    __typename ... on Customer { username } ... on Order { reference customer { username } }
  }
}"""
ONE = [{"__typename": "Customer", "id": "Q3VzdG9tZXI6MQ"}]


@pytest.fixture
async def subgraph(database: Database) -> AsyncIterator[Api]:
    async with Api.of(database, federation=True) as api:
        yield api


def of(kind: str, *ids: str) -> list[dict[str, str]]:
    return [{"__typename": kind, "id": each} for each in ids]


async def test_service_shows_the_subgraph(subgraph: Api) -> None:
    """What `tidegraph schema --federation` prints: federation's directives, and not its fields."""
    data = await subgraph.data("{ _service { sdl } }")

    sdl = data["_service"]["sdl"]
    assert schema.subgraph_sdl() == sdl
    assert parse(sdl)
    assert 'type Order implements Node @requiresScope(scope: "orders:read") @key(fields: "id")' in sdl
    assert "_entities" not in sdl


async def test_service_obeys_introspection(database: Database) -> None:
    """Its SDL says what introspection says; _entities is served all the same."""
    async with Api.of(database, federation=True, introspection=False) as api:
        assert "GRAPHQL_VALIDATION_FAILED" == await api.code("{ _service { sdl } }")
        assert "GRAPHQL_VALIDATION_FAILED" == await api.code("{ a: _service { __typename } }")
        assert {"_entities": [None]} == await api.data(ENTITIES, of=of("Order", "T3JkZXI6MQ"))


async def test_it_is_off_by_default(api: Api) -> None:
    """Without the setting the schema has neither field."""
    assert "GRAPHQL_VALIDATION_FAILED" == await api.code("{ _service { sdl } }")
    assert "_entities" not in build_schema(schema.sdl()).query_type.fields  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [1, 50])
async def test_entities_come_in_order_by_one_statement_a_type(
    database: Database, subgraph: Api, size: int
) -> None:
    """Each at the place of its representation, null where there is none; the same count for 1 and for 50."""
    customers = [await create_customer(database, username=f"u{n}") for n in range(size)]
    orders = [await create_order(database, each, reference=f"r{each.username}") for each in customers]
    mixed = [
        each
        for customer, order in zip(customers, orders, strict=True)
        for each in (of("Order", global_id(order)) + of("Customer", global_id(customer)))
    ]

    with Statements(database) as statements:
        data = await subgraph.data(ENTITIES, of=[*mixed, *of("Customer", global_id(orders[0]), "x")])

    expected = [
        each
        for n in range(size)
        for each in (
            {"__typename": "Order", "reference": f"ru{n}", "customer": {"username": f"u{n}"}},
            {"__typename": "Customer", "username": f"u{n}"},
        )
    ]
    assert [*expected, None, None] == data["_entities"]
    # Customers, orders, and the orders' customers.
    assert 3 == len(statements)


async def test_each_representation_costs_a_point(database: Database) -> None:
    """A thousand are refused where the limit is lower, before anything is read."""
    async with Api.of(database, federation=True, cost_limit=999) as api:
        with Statements(database) as statements:
            answer = await api.send(ENTITIES, of=of("Order", *["T3JkZXI6MQ"] * 1_000))

    (error,) = answer["errors"]
    assert "COST_LIMIT_EXCEEDED" == error["extensions"]["code"]
    assert [] == statements


@pytest.mark.parametrize(
    ("representations", "message"),
    [
        (["x"], "representations[0] must be an object with __typename and id."),
        ([*ONE, {}], "representations[1].__typename must be one of Customer, Order."),
        (
            [{"__typename": ["Order"], "id": "x"}],
            "representations[0].__typename must be one of Customer, Order.",
        ),
        (
            [{"__typename": "Node", "id": "x"}],
            "representations[0].__typename must be one of Customer, Order.",
        ),
        (
            [{"__typename": "Order", "id": 1}],
            "representations[0].id must be a string: the key of Order is id.",
        ),
        ([{"__typename": "Order"}], "representations[0].id must be a string: the key of Order is id."),
    ],
)
async def test_a_representation_without_its_key_is_refused(
    subgraph: Api, representations: list[Any], message: str
) -> None:
    """The message names the index."""
    answer = await subgraph.send(ENTITIES, of=representations)

    assert [("BAD_USER_INPUT", message)] == [
        (error["extensions"]["code"], error["message"]) for error in answer["errors"]
    ]


async def test_entities_need_the_scope_of_their_type(database: Database) -> None:
    """By what the representations name, whatever is selected of them."""
    key = await create_key(database, "orders:read")
    query = "query ($of: [_Any!]!) { _entities(representations: $of) { __typename } }"
    async with Api.of(database, federation=True, auth="keys") as api:
        api.client.headers.update(bearer(key))

        assert {"_entities": [None]} == await api.data(query, of=of("Order", "T3JkZXI6MQ"))
        assert "FORBIDDEN" == await api.code(query, of=of("Customer", "Q3VzdG9tZXI6MQ"))


async def test_a_bound_key_gets_its_own_entities_only(database: Database, two: TwoCustomers) -> None:
    """Another customer's are as if they were not there."""
    key = await create_key(database, "customers:read", "orders:read", customer_id=two.ada.id)
    ids = [global_id(each) for each in (two.ada, two.bob)]
    async with Api.of(database, federation=True, auth="keys") as api:
        api.client.headers.update(bearer(key))

        data = await api.data(ENTITIES, of=of("Customer", *ids))

    assert [{"__typename": "Customer", "username": two.ada.username}, None] == data["_entities"]
