"""A key bound to a customer: every answer is as if no other customer had ever been there."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    get_named_type,
    is_leaf_type,
    print_schema,
)
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from db import customers, orders
from db.engine.database import Database
from db.money import Money
from graph import schema
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import KINDS
from tests.factories import create_order, global_id, line
from tests.single_customer_copy import single_customer_copy
from tests.two_customers import TwoCustomers

pytestmark = pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
SCHEMA = schema.build()._schema
# More than any operation of these needs: what is tested is not what it may cost.
GENEROUS = {
    "cost_limit": 1_000_000,
    "field_limit": 100_000,
    "alias_limit": 100_000,
    "document_limit": 10_000_000,
    "token_limit": 1_000_000,
    "depth_limit": 100,
}


@dataclass
class World:
    """The same questions to two servers: by Ada's key where Bob is, and by anybody where Ada is alone."""

    bound: Api
    free: Api
    ids: dict[str, str]

    async def answers(self, query: str) -> tuple[Any, Any]:
        """Both; the order in which errors come is by chance."""
        found = [await api.send(query) for api in (self.bound, self.free)]
        for answer in found:
            answer.get("errors", []).sort(key=json.dumps)
        return found[0], found[1]


@pytest.fixture
async def world(two: TwoCustomers, database: Database, tmp_path: Path) -> AsyncIterator[World]:
    """Bob has an archived friend, both have changes, and an order that was deleted."""
    gone = []
    for customer, placed in ((two.ada, 1), (two.bob, 2)):
        moment = datetime(2026, 1, placed, tzinfo=UTC)
        await create_order(database, customer, line("x", 2, "0.5"), line("y"), placed_at=moment)
        await create_order(database, customer, total=Money(Decimal(7), "USD"), placed_at=moment)
        deleted = await create_order(database, customer, reference=f"{customer.username}-gone")
        await database.write(lambda each, row=deleted: orders.delete(each, row.id))
        gone.append(deleted)
    for row in (two.adas[0], two.bobs[0]):
        await database.write(lambda each, row=row: orders.transition(each, row.id, "PAID"))
    await database.write(lambda each: customers.insert(each, {"username": "ada2", "name": "ada same"}))
    await database.write(lambda each: customers.archive(each, two.bob.id))
    secret = await create_key(database, "admin", customer_id=two.ada.id)
    async with AsyncExitStack() as stack:
        copy = await stack.enter_async_context(single_customer_copy(database, two.ada.id, tmp_path))
        bound = await stack.enter_async_context(Api.of(database, auth="keys", **GENEROUS))
        bound.client.headers.update(bearer(secret))
        free = await stack.enter_async_context(Api.of(copy, **GENEROUS))
        shown = {"ada": two.ada, "bob": two.bob, "hers": two.adas[0], "his": two.bobs[0]}
        shown |= {"her_gone": gone[0], "his_gone": gone[1]}
        ids = {name: global_id(row) for name, row in shown.items()}
        yield World(bound, free, ids | await cursors_of(database))


async def cursors_of(database: Database) -> dict[str, str]:
    """What pages of everybody's have; the first ones are of customers, then of orders."""
    listing = "{ customers(first: 3) { edges { cursor } } orders(first: 5) { edges { cursor } } }"
    async with Api.of(database) as api:
        data = await api.data(listing)
    edges = [edge for connection in data.values() for edge in connection["edges"]]
    return {str(number): edge["cursor"] for number, edge in enumerate(edges)}


def selection(kind: GraphQLObjectType | GraphQLInterfaceType, depth: int) -> str:
    """Everything that can be asked of an object without saying more, so many levels deep."""
    if isinstance(kind, GraphQLInterfaceType):
        parts = [f"... on {each.name} {selection(each, depth)}" for each in SCHEMA.get_possible_types(kind)]
        return f"{{ __typename {' '.join(parts)} }}"
    return f"{{ __typename {' '.join(_selected(kind.fields, depth))} }}"


def _selected(fields: dict[str, GraphQLField], depth: int) -> Iterator[str]:
    for name, field in fields.items():
        kind = get_named_type(field.type)
        if is_leaf_type(kind):
            yield name
        elif depth > 1:
            yield f"{name} {selection(kind, depth - 1)}"


# Every root field, with what would show another's rows if anything did; a new field is to be added here.
ROOTS = {
    "customer": [
        'by: {id: "%(ada)s"}',
        'by: {id: "%(bob)s"}',
        'by: {username: "bob"}',
        'by: {username: "ada"}',
        'by: {email: "bob@example.com"}',
        'by: {email: "ada@example.com"}',
    ],
    "customers": [
        "",
        "includeArchived: true",
        "last: 1, includeArchived: true",
        'search: "same", includeArchived: true',
        'search: "bo"',
        'search: "ada sa"',
        'where: {username: {startsWith: "b"}}, includeArchived: true',
        'where: {orders: {some: {reference: {eq: "bob-1"}}}}, includeArchived: true',
        'where: {orders: {none: {reference: {startsWith: "bob"}}}}, includeArchived: true',
        'where: {not: {username: {eq: "ada"}}}, includeArchived: true',
        'where: {or: [{username: {eq: "bob"}}, {username: {eq: "ada"}}]}, includeArchived: true',
        "orderBy: {field: NAME, direction: ASC}, includeArchived: true",
        "orderBy: {field: USERNAME, direction: DESC}, includeArchived: true",
    ],
    "order": [
        'by: {id: "%(hers)s"}',
        'by: {id: "%(his)s"}',
        'by: {reference: "bob-2"}',
        'by: {reference: "ada-2"}',
        'by: {reference: "bob-gone"}',
    ],
    "orders": [
        "",
        "first: 1",
        "last: 2",
        'where: {customer: {id: {eq: "%(bob)s"}}}',
        'where: {customer: {id: {in: ["%(bob)s", "%(ada)s"]}}}',
        'where: {customer: {username: {startsWith: "b"}}}',
        'where: {not: {customer: {username: {eq: "ada"}}}}',
        'where: {reference: {startsWith: "bob"}}',
        'where: {total: {currency: {eq: "USD"}}}, orderBy: {field: TOTAL, direction: ASC}',
        "orderBy: [{field: STATUS, direction: ASC}, {field: PLACED_AT, direction: ASC}]",
        "orderBy: {field: CREATED_AT, direction: DESC}",
    ],
    "orderSummary": [
        "groupBy: [CUSTOMER, STATUS]",
        'where: {total: {currency: {eq: "EUR"}}}, orderBy: {field: TOTAL, direction: DESC}',
        "groupBy: [CUSTOMER], orderBy: {field: COUNT, direction: DESC}",
        "groupBy: [MONTH]",
        "groupBy: [DAY, CUSTOMER], first: 3",
        'groupBy: [STATUS], where: {customer: {username: {eq: "bob"}}}',
    ],
    "history": [f'node: "%({name})s"' for name in ("ada", "bob", "hers", "his", "her_gone", "his_gone")],
    "node": [f'id: "%({name})s"' for name in ("ada", "bob", "hers", "his", "his_gone")],
    "nodes": ['ids: ["%(bob)s", "%(hers)s", "%(his)s", "%(ada)s", "%(his_gone)s", "?"]'],
}


@pytest.mark.parametrize("name", ROOTS)
async def test_an_answer_is_as_if_there_were_no_others(world: World, name: str) -> None:
    """Of every field of every type that can be reached, counts, sums, pages and cursors among them."""
    assert SCHEMA.query_type
    assert set(ROOTS) == set(SCHEMA.query_type.fields)
    kind = get_named_type(SCHEMA.query_type.fields[name].type)
    for depth, arguments in zip([5, *[3] * 20], ROOTS[name], strict=False):
        called = f"{name}({arguments % world.ids})" if arguments else name
        bound, free = await world.answers(f"{{ {called} {selection(kind, depth)} }}")

        assert "errors" not in bound, bound["errors"][:2]
        assert free == bound, arguments
        assert "bob" not in json.dumps(bound)


# In the place of ids and cursors, which are not known yet.
IDS = ("ada", "bob", "hers", "his", "her_gone", "his_gone")
TEXTS = ("ada", "bob", "bob-1", "ada-2", "bob@example.com", "same", "bob-sku", "cursor", "Europe/Berlin")
SCALARS = {
    "ID": st.sampled_from(IDS).map(lambda name: nodes.String(f"<{name}>")),
    "String": st.sampled_from([*TEXTS, *(f"<{number}>" for number in range(7))]).map(nodes.String),
    "Int": st.sampled_from([1, 2, 3, 50]).map(nodes.Int),
    "Decimal": st.sampled_from(["0", "7", "10"]).map(nodes.String),
    "CurrencyCode": st.sampled_from(["EUR", "USD"]).map(nodes.String),
    "DateTime": st.just(nodes.String("2026-01-01T00:00:00Z")),
}
# What is told of a moment of its own is not the same twice, and the others are refused most of the time.
LEFT_OUT = {"asOf", "snapshot", "and", "or", "last", "before", "orderBy"}


def questions() -> st.SearchStrategy[str]:
    """Queries of any shape, of one root field each."""
    asked = build_schema(print_schema(SCHEMA))
    for kind in asked.type_map.values():
        for field in kind.fields.values() if isinstance(kind, GraphQLObjectType) else ():
            field.args = {name: each for name, each in field.args.items() if name not in LEFT_OUT}
        if isinstance(kind, GraphQLInputObjectType):
            kind.fields = {name: each for name, each in kind.fields.items() if name not in LEFT_OUT}
    return st.sampled_from(sorted(ROOTS)).flatmap(
        lambda name: queries(asked, custom_scalars=SCALARS, allow_null=False, fields=[name])
    )


@settings(
    max_examples=50, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(document=questions())
async def test_any_question_is_answered_as_if_there_were_no_others(world: World, document: str) -> None:
    """Made from the schema, of values and cursors that are Ada's, Bob's, or nobody's."""
    named = re.sub("<(\\w+)>", lambda found: world.ids[found[1]], document)
    bound, free = await world.answers(named)

    assert free == bound
    event("answered" if bound.get("data") else bound["errors"][0]["extensions"]["code"])
