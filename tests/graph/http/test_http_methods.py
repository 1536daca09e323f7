"""GraphQL over HTTP: GET and POST, content types, limits, and what production keeps to itself."""

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer
from tests.table_rows import stored_rows

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
CREATE = 'mutation { createCustomer(input: { username: "ada", name: "Ada" }) { customer { username } } }'
BY_NAME = "query ($by: CustomerBy!) { customer(by: $by) { username } }"

pytestmark = on_sqlite


def get(api: Api, headers: dict[str, str] | None = None, **parameters: str) -> Any:
    return api.client.get(f"/graphql?{urlencode(parameters)}", headers=headers or {})


def first_code(response: Any) -> str:
    code: str = response.json()["errors"][0]["extensions"]["code"]
    return code


async def test_a_query_goes_by_get(database: Database, api: Api) -> None:
    """With its variables and the operation's name in the URL."""
    await create_customer(database, username="ada")

    response = await get(
        api,
        query=f"{BY_NAME.replace('query', 'query A')} query B {{ __typename }}",
        variables=json.dumps({"by": {"username": "ada"}}),
        operationName="A",
    )

    assert (200, {"data": {"customer": {"username": "ada"}}}) == (response.status_code, response.json())


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"query": ""},
        {"query": "{ __typename }", "variables": "{"},
        {"query": "{ __typename }", "variables": "[]"},
        {"query": "{ __typename }", "variables": "1"},
        {"query": "{ __typename }", "extensions": "x"},
        {"query": "query A { __typename } query B { __typename }"},
    ],
)
@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_a_malformed_get_is_400(api: Api, accept: str, parameters: dict[str, str]) -> None:
    """In either media type."""
    response = await get(api, {"Accept": accept}, **parameters)

    assert (400, "BAD_REQUEST") == (response.status_code, first_code(response))


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_a_mutation_does_not_go_by_get(database: Database, api: Api, accept: str) -> None:
    """405 says that POST does, and nothing is written."""
    responses = [
        await get(api, {"Accept": accept}, query=CREATE),
        await get(
            api,
            {"Accept": accept},
            query=f"query A {{ __typename }} {CREATE.replace('mutation', 'mutation B')}",
            operationName="B",
        ),
    ]

    assert [(405, "POST", "METHOD_NOT_ALLOWED")] * 2 == [
        (each.status_code, each.headers["Allow"], first_code(each)) for each in responses
    ]
    assert [] == (await stored_rows(database))["customers"]


@pytest.mark.parametrize(
    "method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY", "PROPFIND"]
)
async def test_other_methods_are_not_allowed(database: Database, api: Api, method: str) -> None:
    """405 says which are."""
    response = await api.client.request(method, "/graphql", json={"query": CREATE})

    assert (405, {"GET", "POST"}) == (response.status_code, set(response.headers["Allow"].split(", ")))
    assert method == "HEAD" or "METHOD_NOT_ALLOWED" == first_code(response)
    assert [] == (await stored_rows(database))["customers"]


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "text/json",
    ],
)
async def test_only_json_is_read(database: Database, api: Api, content_type: str) -> None:
    """415, and what came along is not run: a form of another site could send it."""
    response = await api.client.post(
        "/graphql",
        content=json.dumps({"query": CREATE}).encode(),
        headers={"Content-Type": content_type} if content_type else {},
    )

    assert (415, "BAD_REQUEST") == (response.status_code, first_code(response))
    assert [] == (await stored_rows(database))["customers"]


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"]
)
async def test_json_may_have_parameters(api: Api, content_type: str) -> None:
    """A charset is the usual one."""
    response = await api.client.post(
        "/graphql", content=b'{"query": "{ __typename }"}', headers={"Content-Type": content_type}
    )

    assert (200, {"data": {"__typename": "Query"}}) == (response.status_code, response.json())


async def chunks() -> AsyncIterator[bytes]:
    yield b'{"query": "{ __typename }", "x": "'
    for _ in range(100):
        yield b"x" * 20_000
    yield b'"}'


async def test_a_body_over_the_limit_is_413(api: Api) -> None:
    """With its length said beforehand, and in chunks; the answer is JSON like any other."""
    headers = {"Content-Type": JSON}
    body = b"".join([each async for each in chunks()])

    said = await api.client.post("/graphql", content=body, headers=headers)
    chunked = await api.client.post("/graphql", content=chunks(), headers=headers)
    small = await api.client.post("/graphql", content=body[:34] + b"x" * 500_000 + b'"}', headers=headers)

    assert [413, 413, 200] == [said.status_code, chunked.status_code, small.status_code]
    for refused in (said, chunked):
        message = "The body is larger than 1,000,000 bytes."
        assert [{"message": message, "extensions": {"code": "BAD_REQUEST"}}] == refused.json()["errors"]


DEEP = {
    "selections": "{ a" * 3000 + " }" * 3000,
    "lists": "{ nodes(ids: " + "[" * 3000 + "]" * 3000 + ") { id } }",
    "types": "query ($ids: " + "[" * 3000 + "ID" + "]" * 3000 + ") { nodes(ids: $ids) { id } }",
    "levels that the answer could not hold": (
        "{ orders { nodes { " + "customer { orders { nodes { " * 60 + "id" + " } } }" * 60 + " } } }"
    ),
    "levels in fragments": (
        "{ orders { nodes { ...F0 } } } "
        + " ".join(
            f"fragment F{number} on Order {{ customer {{ orders {{ nodes {{ id ...F{number + 1} }} }} }} }}"
            for number in range(60)
        )
        + " fragment F60 on Order { id }"
    ),
    "fragments that double": (
        "{ ...F0 } "
        + " ".join(f"fragment F{n} on Query {{ ...F{n + 1} ...F{n + 1} }}" for n in range(60))
        + " fragment F60 on Query { orders { nothing } }"
    ),
}


@pytest.mark.parametrize("query", DEEP.values(), ids=DEEP)
async def test_deep_documents_are_refused(api: Api, query: str) -> None:
    """In good time, and as the client's mistake."""
    response = await api.client.post("/graphql", json={"query": query}, headers={"Accept": RESPONSE})

    assert 400 == response.status_code
    assert first_code(response) in {"GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED"}


async def test_a_hundred_levels_are_answered(database: Database) -> None:
    """The deepest document that may ever be accepted has an answer that can be written."""
    await create_customer(database)
    below = "orders(first: 1) { nodes { customer { " * 32 + "username" + " } } }" * 32
    query = f"{{ customers {{ nodes {{ {below} }} }} }}"

    async with Api.of(database, depth_limit=100) as api:
        answer = await api.send(query)

    assert {"data": {"customers": {"nodes": [{"orders": {"nodes": []}}]}}} == answer


@pytest.mark.parametrize(
    "query",
    [
        "{ customrs { nodes { id } } }",
        "query ($x: Intt) { a }",
        "{ orders(frst: 1) { nodes { id } } }",
    ],
)
async def test_suggestions_are_for_development(database: Database, query: str) -> None:
    """Production does not help to guess names."""
    async with Api.of(database, env="development") as api:
        development = await api.send(query)
    async with Api.of(database, env="production") as api:
        production = await api.send(query)

    assert "Did you mean" in json.dumps(development)
    assert "Did you mean" not in json.dumps(production)
    assert development["errors"][0]["extensions"] == production["errors"][0]["extensions"]


async def test_variables_get_no_suggestions_in_production(database: Database) -> None:
    """Nor do fields of an input, or values of an enum."""
    query = "mutation ($input: TransitionOrderInput!) { transitionOrder(input: $input) { order { id } } }"
    answers = []
    for env in ("development", "production"):
        async with Api.of(database, env=env) as api:
            for sent in ({"id": "x", "to": "PAY"}, {"id": "x", "too": "PAID", "to": "PAID"}):
                answer = json.dumps(await api.send(query, input=sent))
                answers.append("Did you mean" in answer or "It can be PENDING, PAID" in answer)

    assert [True, True, False, False] == answers


CLIENTS_MISTAKES = [
    {"query": "{"},
    {"query": "{ nothing }"},
    {"query": "{ orders(first: -1) { nodes { id } } }"},
    {"query": '{ orders(after: "x") { nodes { id } } }'},
    {"query": "query ($id: ID!) { node(id: $id) { id } }"},
    {"query": 'query ($id: ID = "x") { node(id: $id) { id } }', "variables": {"id": None}},
    {"query": 'mutation { archiveCustomer(input: { id: "x" }) { userErrors { code } } }'},
    {"query": 'mutation { createCustomer(input: { username: "", name: "" }) { userErrors { code } } }'},
    [1],
]


@pytest.mark.parametrize("body", CLIENTS_MISTAKES, ids=str)
async def test_a_clients_mistake_is_no_event_of_the_log(api: Api, body: Any) -> None:
    """Whoever is called by the log can do nothing about it."""
    with capture_logs() as logs:
        answer = (await api.client.post("/graphql", json=body)).json()

    assert "errors" in answer or "userErrors" in json.dumps(answer)
    assert [] == logs
