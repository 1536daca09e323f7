"""GraphQL over HTTP: media types, methods, status codes, and bodies that are none."""

import json
import re
from typing import Any

import httpx2
import pytest

from tests.api import Api
from tests.conftest import on_sqlite

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
CREATE = 'mutation { createCustomer(input: { username: "ada", name: "Ada" }) { customer { username } } }'
TWO = "query A { a: __typename } query B { b: __typename }"

pytestmark = on_sqlite


async def post(api: Api, body: Any, **headers: str) -> httpx2.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await api.client.post("/graphql", content=content, headers={"Content-Type": JSON, **headers})


def code(response: httpx2.Response) -> str:
    """The code of the one error of an answer that has no data."""
    answer = response.json()
    (error,) = answer["errors"]
    assert "data" not in answer
    found: str = error["extensions"]["code"]
    return found


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (JSON, JSON),
        (RESPONSE, RESPONSE),
        (f"{JSON}, {RESPONSE}", RESPONSE),
        (f"{RESPONSE}, {JSON};q=0.9", RESPONSE),
        (f"{RESPONSE};q=0.5, {JSON}", JSON),
        (f"{RESPONSE};charset=utf-8", RESPONSE),
        (f"{JSON};q=0.2, image/png", JSON),
        ("APPLICATION/JSON", JSON),
        (f"text/event-stream, {RESPONSE}", RESPONSE),
        (" , ", JSON),
        ("text/html, */*;q=0.8", JSON),
        (f"{JSON}, text/plain, */*", JSON),
        (f"{RESPONSE}, */*", RESPONSE),
        (f"{JSON};q=0, */*", RESPONSE),
        (f"{RESPONSE};q=0, application/*", JSON),
        (f"{JSON};q=0.1, */*;q=0.9", RESPONSE),
        (f"{JSON};q=1.000, {RESPONSE};q=0.999", JSON),
    ],
)
async def test_the_client_chooses_the_media_type(api: Api, accept: str, expected: str) -> None:
    """A good answer is 200 in both."""
    response = await post(api, {"query": "{ __typename }"}, Accept=accept)

    assert (200, f"{expected}; charset=utf-8") == (response.status_code, response.headers["Content-Type"])
    assert {"data": {"__typename": "Query"}} == response.json()


async def test_accept_may_be_several_headers(api: Api) -> None:
    """They are one list."""
    headers = [("Content-Type", JSON), ("Accept", "image/png"), ("Accept", RESPONSE)]
    response = await api.client.post("/graphql", content=b'{"query": "{ __typename }"}', headers=headers)

    assert (200, f"{RESPONSE}; charset=utf-8") == (response.status_code, response.headers["Content-Type"])


NEITHER = [
    "image/png",
    "text/html",
    f"{JSON};q=0",
    "nonsense",
    "application/xml",
    "*/*;q=0",
    "application/*;q=0, */*",
]


@pytest.mark.parametrize("accept", [*NEITHER, f"{JSON};q=nan", f"{JSON};q=inf", f"{JSON};q=-1", f"{JSON};q="])
async def test_no_other_media_type_is_spoken(api: Api, accept: str) -> None:
    """406, in JSON all the same, and nothing is run."""
    response = await post(api, {"query": CREATE}, Accept=accept)

    assert (406, "BAD_REQUEST") == (response.status_code, code(response))


OWN_FAILURES = {
    "syntax": ({"query": "{"}, "GRAPHQL_PARSE_FAILED"),
    "a field that is not there": ({"query": "{ nothing }"}, "GRAPHQL_VALIDATION_FAILED"),
    "no sub-selection": ({"query": "{ orders }"}, "GRAPHQL_VALIDATION_FAILED"),
    "only a fragment": ({"query": "fragment A on Query { __typename }"}, "GRAPHQL_VALIDATION_FAILED"),
    "a circle of fragments": (
        {"query": "{ ...A } fragment A on Query { ...A }"},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a missing variable": ({"query": "query ($id: ID!) { node(id: $id) { id } }"}, "BAD_USER_INPUT"),
    "a variable of another type": (
        {
            "query": "query ($first: Int) { orders(first: $first) { nodes { id } } }",
            "variables": {"first": "1"},
        },
        "BAD_USER_INPUT",
    ),
    "variables too deep": (
        {"query": "query ($id: ID!) { node(id: $id) { id } }", "variables": {"id": [[[[[[[[[[]]]]]]]]]]}},
        "BAD_USER_INPUT",
    ),
}


@pytest.mark.parametrize(("accept", "status"), [(JSON, 200), (RESPONSE, 400)], ids=["json", "response"])
@pytest.mark.parametrize(("body", "expected"), OWN_FAILURES.values(), ids=OWN_FAILURES)
async def test_a_document_that_cannot_be_run(
    api: Api, body: dict[str, Any], expected: str, accept: str, status: int
) -> None:
    """Old clients read the errors of a 200, the newer media type has a status for them."""
    response = await post(api, body, Accept=accept)

    assert (status, expected) == (response.status_code, code(response))


BAD_BODIES: dict[str, Any] = {
    "null": None,
    "a number": 1,
    "a string": "x",
    "a list": [1],
    "a batch": [{"query": "{ __typename }"}],
    "nothing in it": {},
    "a null query": {"query": None},
    "an empty query": {"query": ""},
    "a number for a query": {"query": 1},
    "a list for variables": {"query": "{ __typename }", "variables": []},
    "a string for variables": {"query": "{ __typename }", "variables": "{}"},
    "a list for extensions": {"query": "{ __typename }", "extensions": []},
    "a number for a name": {"query": TWO, "operationName": 1},
    "a list for a name": {"query": TWO, "operationName": ["A"]},
    "two operations and no name": {"query": TWO},
    "an empty name": {"query": TWO, "operationName": ""},
    "a name of none": {"query": TWO, "operationName": "C"},
    "empty": b"",
    "blank": b" ",
    "truncated": b'{"query": "{ __type',
    "more than one": b"{}{}",
    "no UTF-8": b'{"query": "{ __typename }\xff"}',
    "UTF-16": '{"query": "{ __typename }"}'.encode("utf-16"),
    "100,000 lists deep": b'{"query": "{ __typename }", "variables": {"x": '
    + b"[" * 100_000
    + b"]" * 100_000
    + b"}}",
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "5,000 digits": b'{"query": "{ __typename }", "variables": {"x": ' + b"9" * 5000 + b"}}",
    "a number past a double": b'{"query": "{ __typename }", "variables": {"x": 1e400}}',
    "NaN": b'{"query": "{ __typename }", "variables": {"x": NaN}}',
    "NUL": b"\0",
}


@pytest.mark.parametrize("accept", [JSON, RESPONSE])
async def test_a_malformed_request_is_400(api: Api, accept: str) -> None:
    """In either media type, never 500."""
    responses = {name: await post(api, body, Accept=accept) for name, body in BAD_BODIES.items()}

    assert dict.fromkeys(BAD_BODIES, (400, "BAD_REQUEST")) == {
        name: (each.status_code, code(each)) for name, each in responses.items()
    }


async def test_several_operations_need_a_name(api: Api) -> None:
    """The message says so."""
    (error,) = (await post(api, {"query": TWO})).json()["errors"]

    assert "The document has several operations: send operationName." == error["message"]


@pytest.mark.parametrize("name", ["empty", "truncated", "UTF-16", "100,000 lists deep", "5,000 digits"])
async def test_a_message_says_where_json_is_invalid(api: Api, name: str) -> None:
    """Line and column, whatever is wrong there."""
    (error,) = (await post(api, BAD_BODIES[name])).json()["errors"]
    (in_url,) = (await api.client.get("/graphql?query=x&variables={")).json()["errors"]

    assert re.fullmatch(r"The body is invalid JSON at line 1, column \d+\.", error["message"])
    assert "variables is invalid JSON at line 1, column 2." == in_url["message"]


@pytest.mark.parametrize("kind", ["[%s]", '{"a": %s}'], ids=["lists", "objects"])
@pytest.mark.parametrize("depth", [100, 400, 900, 1000])
async def test_deep_variables_are_refused(api: Api, kind: str, depth: int) -> None:
    """Down to where the JSON parser stops, which is deeper than Python's stack."""
    before, after = kind.split("%s")
    value = before * depth + "1" + after * depth
    query = "query ($id: ID!) { node(id: $id) { id } }"

    response = await post(api, f'{{"query": "{query}", "variables": {{"id": {value}}}}}'.encode())

    assert (200, "BAD_USER_INPUT") == (response.status_code, code(response))
