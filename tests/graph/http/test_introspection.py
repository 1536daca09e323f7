"""Who asks for the schema: clients' tools get it by default, and nobody where it is turned off."""

from typing import Any

import pytest
from graphql import build_schema, get_introspection_query

from db.engine.database import Database
from graph import schema
from tests.api import Api
from tests.conftest import on_sqlite

RESPONSE = "application/graphql-response+json"
TYPE = '{ __type(name: "Customer") { fields { name } } }'
HIDDEN = f"{{ ...Q }} fragment Q on Query {TYPE}"
# Of each type its fields, of each field its type: an answer that grows with every level.
CIRCLE = "{ __schema { types " + "{ fields { type " * 4 + "{ name }" + " } }" * 4 + " } }"

pytestmark = on_sqlite


async def refused(api: Api, query: str) -> tuple[int, str]:
    """Status and code of a query of which nothing is answered."""
    response = await api.client.post("/graphql", json={"query": query}, headers={"Accept": RESPONSE})
    answer = response.json()
    (code,) = {error["extensions"]["code"] for error in answer["errors"]}
    assert "data" not in answer
    return response.status_code, code


@pytest.mark.parametrize("env", ["development", "production"])
async def test_the_schema_is_shown_by_default(database: Database, env: Any) -> None:
    """In production, too: clients' tools need it."""
    async with Api.of(database, env=env) as api:
        data = await api.data(get_introspection_query(input_value_deprecation=True, descriptions=True))

    assert {"Customer", "Order", "OrderLine"} <= {each["name"] for each in data["__schema"]["types"]}


@pytest.mark.parametrize("query", [get_introspection_query(), TYPE, HIDDEN], ids=["all", "type", "hidden"])
async def test_the_schema_is_hidden_where_that_is_set(database: Database, query: str) -> None:
    """In a fragment, too; a type's name is told all the same, for clients' caches live on it."""
    async with Api.of(database, introspection=False) as api:
        assert (400, "GRAPHQL_VALIDATION_FAILED") == await refused(api, query)
        assert {"__typename": "Query"} == await api.data("{ __typename }")


async def test_introspection_is_sorted_and_described(api: Api) -> None:
    """Types, directives and possible types by name: a diff of two versions shows what changed."""
    data = await api.data(
        """{ __schema { description types { name possibleTypes { name } }
                        directives { name description } } }"""
    )
    found = data["__schema"]
    lists = [found["types"], found["directives"], *(each["possibleTypes"] or [] for each in found["types"])]

    assert [sorted(each["name"] for each in names) for names in lists] == [
        [each["name"] for each in names] for names in lists
    ]
    assert found["description"] == build_schema(schema.sdl()).description
    assert all(each["description"] for each in found["directives"])


async def test_circular_introspection_is_refused(api: Api) -> None:
    """However much of the schema one may see."""
    assert (400, "GRAPHQL_VALIDATION_FAILED") == await refused(api, CIRCLE)
