"""Noise of every kind against a real server: it never breaks, never hangs, and answers the next as before."""

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import Mode, from_schema, nodes

from graph import errors
from graph.schema import sdl
from tests.conftest import KINDS, on_sqlite
from tests.processes import Serving, Spawn
from tests.sockets import connect, exchange, request

JSON = "application/json"
RESPONSE = "application/graphql-response+json"
QUERY = "/graphql?query=%7B__typename%7D"
# How long one answer may take, in seconds; the server itself gives up after 10.
PATIENCE = 20
TOKENS = '''
{ } ( ) [ ] : ! = @ | & $ ... "" """ # \\u0000 -1 1e9 true null query mutation subscription fragment
on skip if first ids __schema __type customers orders nodes edges node id total lines where search ID Int
'''
HEADERS = """
Accept Accept-Encoding Content-Type If-None-Match Origin Sec-Fetch-Site X-Request-ID traceparent
tidegraph-receipt Authorization Cookie X-Forwarded-For Content-Encoding
"""
CODES = {value for name, value in vars(errors).items() if name.isupper() and value == name}
FAULTS = {errors.INTERNAL_SERVER_ERROR, errors.SERVICE_UNAVAILABLE, errors.TIMEOUT}

noisy = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
        HealthCheck.filter_too_much,
    ],
)

text = st.text(max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | text,
    lambda each: st.lists(each, max_size=4) | st.dictionaries(text, each, max_size=4),
    max_leaves=20,
)
documents = st.lists(st.sampled_from(TOKENS.split()) | text, max_size=60).map(" ".join)
bodies = st.fixed_dictionaries(
    {},
    optional={
        "query": documents
        | st.sampled_from(["{ __typename }", "query ($a: ID!) { node(id: $a) { id } }"])
        | values,
        "variables": st.dictionaries(st.sampled_from("ab"), values, max_size=2) | values,
        "operationName": text | values,
        "extensions": values,
    },
)
names = st.sampled_from(HEADERS.split())
header_values = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40) | st.sampled_from(
    [JSON, RESPONSE, "gzip", "*", "null", "cross-site", f"{RESPONSE};q=1e999, {JSON};q=nan"]
)
scalars = {
    "Decimal": st.from_regex(r"-?[0-9]{1,12}(\.[0-9]{1,5})?", fullmatch=True).map(nodes.String),
    "CurrencyCode": st.sampled_from(["EUR", "JPY", "XQX", "eur"]).map(nodes.String),
    "DateTime": st.datetimes().map(lambda moment: nodes.String(f"{moment.isoformat()}Z")),
}


class Target:
    """A server, one client, and what must hold after each answer."""

    def __init__(self, serving: Serving, client: httpx2.Client) -> None:
        self.serving, self.client = serving, client

    def post(self, content: bytes, headers: dict[str, str]) -> None:
        url = f"{self.serving.url}/graphql"
        answer = self.client.post(url, content=content, headers={"Content-Type": JSON, **headers})
        check(answer.status_code, answer.content)

    def lives(self) -> bool:
        """It answers, and has logged nothing but its start, and what was no HTTP."""
        logged = {json.loads(line)["event"] for line in self.serving.output.splitlines()}
        assert {"serving"} == logged - {"Invalid HTTP request received."}
        return {"data": {"__typename": "Query"}} == self.serving.post("{ __typename }")


def check(status: int, body: bytes) -> None:
    """Never 5xx, always JSON, and every error has a code that is no fault of ours."""
    assert status < 500, body
    answer = json.loads(body)
    codes = {error["extensions"]["code"] for error in answer.get("errors", [])}
    assert codes <= CODES - FAULTS, answer
    assert "data" in answer or codes


@pytest.fixture
def target(database_url: str, spawn: Spawn) -> Iterator[Target]:
    spawn.run("seed", "--customers", "20", "--orders", "3", database_url=database_url)
    with httpx2.Client(timeout=PATIENCE, verify=False) as client:
        yield Target(spawn.serve(database_url=database_url), client)


@on_sqlite
def test_noise_on_the_socket(target: Target) -> None:
    """Bytes that are no HTTP, and HTTP that ends anywhere."""
    head = b"POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"

    @noisy
    @given(st.binary(max_size=300), st.sampled_from([b"", head, head + b"Content-Length: 100\r\n\r\n"]))
    def send(noise: bytes, before: bytes) -> None:
        with connect(target.serving.url) as connection:
            connection.sendall(before + noise)

    send()
    assert target.lives()


@on_sqlite
def test_noise_for_a_body(target: Target) -> None:
    """Bytes that are no JSON."""

    @noisy
    @given(st.binary(max_size=500), st.sampled_from([JSON, RESPONSE]))
    def send(noise: bytes, accept: str) -> None:
        target.post(noise, {"Accept": accept})

    send()
    assert target.lives()


@on_sqlite
def test_noise_in_headers(target: Target) -> None:
    """Whatever one may write there, on a good request by POST and by GET."""

    @noisy
    @given(st.dictionaries(names, header_values, max_size=5))
    def send(headers: dict[str, str]) -> None:
        body = b'{"query": "{ __typename }"}'
        for sent in (request("POST", "/graphql", headers, body), request("GET", QUERY, headers)):
            answer = exchange(target.serving.url, sent)
            if answer.status != 304:
                check(answer.status, answer.body)

    send()
    assert target.lives()


@on_sqlite
def test_noise_in_json(target: Target) -> None:
    """Parameters of any type, and documents of tokens in any order."""

    @noisy
    @given(bodies | values)
    def send(body: Any) -> None:
        target.post(json.dumps(body).encode(), {})

    send()
    assert target.lives()


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
@pytest.mark.parametrize("mode", [Mode.POSITIVE, Mode.NEGATIVE])
def test_noise_in_documents(target: Target, mode: Mode) -> None:
    """Queries and mutations made from the schema, those that fit it and those that do not."""

    @settings(noisy, max_examples=50)
    @given(from_schema(sdl(), custom_scalars=scalars, mode=mode))
    def send(document: Any) -> None:
        target.post(json.dumps({"query": document}).encode(), {"Accept": RESPONSE})

    send()
    assert target.lives()
