"""Documents and variables past a limit: refused in good time, with few errors, before they are worked on."""

import json
import time
from typing import Any

import httpx2
import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.processes import Serving

ALIASES = " ".join(f"a{n}: __typename" for n in range(5_000))
TWICE = "fragment F%d on Query { ...F%d ...F%d }"
TOO_LARGE = {
    "5,000 aliases": f"{{ {ALIASES} }}",
    "3,000 aliases in few tokens": f"{{ {ALIASES[: ALIASES.index('a3000:')]} }}",
    "5,000 aliases through fragments": "{ "
    + " ".join(f"f{n}: customers(first: 1) {{ nodes {{ ...F }} }}" for n in range(100))
    + " } fragment F on Customer { "
    + " ".join(f"a{n}: name" for n in range(50))
    + " }",
    "5,000 aliases in a chain of fragments": "{ ...F0 } "
    + " ".join(f"fragment F{n} on Query {{ a{n}: __typename ...F{n + 1} }}" for n in range(999))
    + " fragment F999 on Query { b: __typename }",
    "aliases that double": "{ ...F0 } "
    + " ".join(TWICE % (n, n + 1, n + 1) for n in range(60))
    + " fragment F60 on Query { a: __typename }",
    "2,000 directives": "{ __typename " + "@skip(if: false) " * 2_000 + "}",
    "2,000 directives of no arguments": "{ __typename " + "@x " * 2_000 + "}",
    "2,000 directives through fragments": "{ "
    + "...F " * 50
    + "} fragment F on Query { __typename "
    + "@x " * 50
    + "}",
    "10,000 repeats of one field": "{ " + "__typename " * 10_000 + "}",
    "2,000 repeats of one field": "{ " + "__typename " * 2_000 + "}",
    "400 repeats of a connection": "{ " + "orders { nodes { id } } " * 400 + "}",
    "repeats in fragments": "{ "
    + " ".join(f"...F{n}" for n in range(300))
    + " } "
    + " ".join(f"fragment F{n} on Query {{ __typename }}" for n in range(300)),
    "a selection 3,000 deep": "{ a" * 3_000 + " }" * 3_000,
    "a selection 51 deep": "{ a" * 51 + " }" * 51,
    "a list 3,000 deep": "{ nodes(ids: " + "[" * 3_000 + "]" * 3_000 + ") { id } }",
    "a type 3,000 deep": "query ($x: " + "[" * 3_000 + "ID" + "]" * 3_000 + ") { nodes(ids: $x) { id } }",
    "a list of 1,001 literals": "{ nodes(ids: [" + '"x" ' * 1_001 + "]) { id } }",
    "fragments in a circle": "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
    "a circle through fields": "{ orders { nodes { ...A } } } "
    "fragment A on Order { customer { orders { nodes { ...A } } } }",
    "a circle that repeats a field": "{ ...A } fragment A on Query { ...A " + "__typename " * 1_900 + "}",
    "a thousand operations that spread one fragment": " ".join(f"query Q{n} {{ ...F }}" for n in range(1_000))
    + " fragment F on Query { "
    + "orders { nodes { id } } " * 100
    + "}",
    "a fragment that nothing spreads": "{ __typename } fragment F on Query { " + "__typename " * 1_999 + "}",
}


@pytest.mark.parametrize("query", TOO_LARGE.values(), ids=TOO_LARGE)
def test_too_much_is_refused(query: str, server: Serving) -> None:
    """400 and a few errors, over a socket, within a second or two."""
    started = time.monotonic()
    headers = {"Accept": "application/graphql-response+json"}
    body = {"query": query, "operationName": "Q1"} if "query Q1 " in query else {"query": query}
    response = httpx2.post(f"{server.url}/graphql", json=body, headers=headers, verify=False)
    took = time.monotonic() - started
    errors = response.json()["errors"]

    assert 400 == response.status_code
    assert {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"} >= {
        error["extensions"]["code"] for error in errors
    }
    assert len(errors) <= 2
    assert took < 2


@pytest.mark.parametrize(
    ("name", "query", "message"),
    [
        ("alias", "{ ...F a: __typename } fragment F on Query { b: __typename c: __typename }", "3 aliases"),
        ("field", "{ orders(first: 1) { nodes { id } } }", "3 fields"),
        ("directive", "query @x { ... @include(if: true) { __typename @skip(if: false) } }", "3 directives"),
        ("depth", "{ orders { nodes { ...F } } } fragment F on Order { id }", "3 levels"),
    ],
)
@on_sqlite
async def test_a_limit_counts_what_fragments_bring(
    name: str, query: str, message: str, database: Database
) -> None:
    """One error says how much it is; just within the limit there is none of this kind."""
    async with Api.of(database, **{f"{name}_limit": 2}) as api:
        refused = await api.send(query)
    async with Api.of(database, **{f"{name}_limit": 3}) as api:
        accepted = await api.send(query)

    expected = f"The operation has {message}, with fragments expanded; the limit is 2."
    assert [expected] == [error["message"] for error in refused["errors"]]
    assert expected not in json.dumps(accepted)


LISTS: dict[str, Any] = {
    "of a variable": {"ids": ["x"] * 1_001},
    "in a list": {"ids": [["x"] * 1_001]},
    "in an object": {"ids": {"x": ["x"] * 1_001}},
    "that nothing uses": {"ids": [], "other": [1] * 1_001},
}


@pytest.mark.parametrize("variables", LISTS.values(), ids=LISTS)
async def test_a_long_list_in_variables_is_refused(sqlite_api: Api, variables: dict[str, Any]) -> None:
    """Wherever it is in them, before they are read as what the schema takes."""
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }"
    answer = await sqlite_api.send(query, **variables)

    assert [("A list must have at most 1000 items.", "BAD_USER_INPUT")] == [
        (error["message"], error["extensions"]["code"]) for error in answer["errors"]
    ]


SEVEN = {"x": {"name": {"in": ["a"] * 7}}}
USES = {
    "beside a literal": ("query ($x: CustomerWhere) { customers(first: 1, where: $x) { nodes { id } } }", 29),
    "in a literal": ("query ($x: CustomerWhere!) { customers(where: {or: [$x, {}]}) { nodes { id } } }", 49),
    "twice": (
        "query ($x: CustomerWhere) "
        "{ a: customers(where: $x) { nodes { id } } b: customers(where: $x) { nodes { id } } }",
        56,
    ),
    "in a fragment": (
        "query ($x: CustomerWhere) { ...F ...F } "
        "fragment F on Query { customers(first: 1, where: $x) { nodes { id } } }",
        58,
    ),
    "by default": (
        'query ($y: CustomerWhere = {name: {eq: "a"}}) { customers(where: $y) { nodes { id } } }',
        21,
    ),
}


@pytest.mark.parametrize(("query", "count"), USES.values(), ids=USES)
@on_sqlite
async def test_values_count_wherever_their_variable_is_used(
    query: str, count: int, database: Database
) -> None:
    """With those that stand there as literals, and a variable's default; an object counts as ten."""
    sent = SEVEN if "$x" in query else {}
    async with Api.of(database, value_limit=count - 1) as api:
        refused = await api.send(query, **sent)
    async with Api.of(database, value_limit=count) as api:
        accepted = await api.send(query, **sent)

    expected = f"The operation's arguments have {count} values, with variables; the limit is {count - 1}."
    assert [(expected, "BAD_USER_INPUT")] == [
        (error["message"], error["extensions"]["code"]) for error in refused["errors"]
    ]
    assert "errors" not in accepted


async def test_variables_that_nothing_uses_count_too(sqlite_api: Api) -> None:
    """They lie in memory while the operation runs."""
    answer = await sqlite_api.send("{ __typename }", x=[[0] * 1_000] * 50)

    assert [("The variables have 50051 values; the limit is 50000.", "BAD_USER_INPUT")] == [
        (error["message"], error["extensions"]["code"]) for error in answer["errors"]
    ]


FILTER = {"or": [{"reference": {"in": ["x"] * 900}}] * 20}


async def test_a_filter_that_no_field_takes_is_refused_as_a_whole(sqlite_api: Api) -> None:
    """Not by each field that has it, each of which would read it first."""
    query = "query ($x: OrderWhere) { a: orders(where: $x) { nodes { id } } b: orders { nodes { id } } }"
    answer = await sqlite_api.send(query, x=FILTER)

    assert [("The arguments of orders have more than 15000 values.", "BAD_USER_INPUT")] == [
        (error["message"], error["extensions"]["code"]) for error in answer["errors"]
    ]
    assert "data" not in answer


@on_sqlite
async def test_the_body_and_its_tokens_have_limits(database: Database) -> None:
    """They are settings, and so is the document's length."""
    query = "{ __typename }"
    size = len(json.dumps({"query": query, "variables": {}}, separators=(",", ":")))
    async with Api.of(database, body_limit=size, token_limit=3) as api:
        accepted = await api.send(query)
        larger = await api.send(query + " ")
    async with Api.of(database, token_limit=2) as api:
        longer = await api.code(query)
    async with Api.of(database, document_limit=len(query)) as api:
        fitting = await api.send(query)
        spaced = await api.send(query + " ")

    assert {"data": {"__typename": "Query"}} == accepted == fitting
    assert ["The document has more than 14 characters. Use variables."] == [
        error["message"] for error in spaced["errors"]
    ]
    assert [f"The body is larger than {size} bytes."] == [error["message"] for error in larger["errors"]]
    assert "GRAPHQL_PARSE_FAILED" == longer
