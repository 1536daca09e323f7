"""Texts: counted by code points, kept as sent where the product says so, and never with a NUL."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import unique_text
from db.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id
from tests.graph.writing.problems import PROBLEM, invalid, taken
from tests.stored import stored

CREATE = (
    """
mutation ($input: CreateCustomerInput!) {
  createCustomer(input: $input) {
    customer { id username name email }
    userErrors { ...Problem }
  }
}
"""
    + PROBLEM
)
ORDER = """
mutation ($id: ID!, $text: String!) {
  createOrder(
    input: {
      customerId: $id
      reference: $text
      lines: [{ sku: $text, name: $text, quantity: 1, unitPrice: { amount: "1", currency: "EUR" } }]
    }
  ) { order { reference lines { sku name } } userErrors { code path } }
}
"""
FAMILY = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
COMPOSED, DECOMPOSED = "Zo\u00eb", "Zoe\u0308"
KEPT = {
    "emoji": f"{FAMILY} \U0001f44b\U0001f3fd",
    "right to left": "\u202b\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u202c",
    "composed": COMPOSED,
    "decomposed": DECOMPOSED,
    "stacked marks": "Z\u0351\u036b\u0343a\u0322\u0348l\u034a\u0353g\u0360o",
    "spaces": " a  b ",
    "lines": "a\nb\r\nc\td",
    "controls": "\x01\x1b[31m\x7f",
    "wildcards": "100%_\\",
    "quotes": "' OR 1=1; -- \" `",
    "escapes": "\\n \\u0000 \\x00",
    "placeholders": "%s %(a)s :a ? {0} $1",
    "separators": "a\u2028b\u2029c\u00a0\ufeff",
    "last of each plane": "\ufffd\uffff\U0010ffff",
}


async def create(api: Api, **input: str) -> Any:
    data = await api.data(CREATE, input={"username": "ada", "name": "Ada", **input})
    return data["createCustomer"]


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
async def test_a_text_comes_back_as_it_was_sent(database: Database, api: Api, text: str) -> None:
    """Names, article numbers and references are neither trimmed nor normalised."""
    customer = await create_customer(database, name=text)
    created = await api.data(ORDER, id=global_id(customer), text=text)
    read = await api.data(
        "query ($text: String!) { order(by: { reference: $text }) {"
        " reference lines { sku name } customer { name } } }",
        text=text,
    )

    assert [] == created["createOrder"]["userErrors"]
    assert {"reference": text, "lines": [{"sku": text, "name": text}]} == created["createOrder"]["order"]
    assert {
        "reference": text,
        "lines": [{"sku": text, "name": text}],
        "customer": {"name": text},
    } == read["order"]


@pytest.mark.parametrize("character", ["a", "\u00eb", "\u5b57", "\U0001f600"], ids=["1", "2", "3", "4 bytes"])
async def test_lengths_are_counted_in_code_points(database: Database, api: Api, character: str) -> None:
    """250 of any kind are stored, 251 are too many."""
    longest, longer = character * 250, character * 251

    accepted = await create(api, username=longest, name=longest)
    refused = await create(api, username=longer, name=longer)

    assert [] == accepted["userErrors"]
    assert [invalid("TOO_LONG", "username"), invalid("TOO_LONG", "name")] == refused["userErrors"]
    assert [(longest, longest)] == [row[1:3] for row in (await stored(database))["customers"]]


async def test_a_length_is_that_of_what_is_stored(api: Api) -> None:
    """A handle is counted trimmed and composed, a name as it was sent."""
    decomposed = "e\u0308" * 250

    accepted = await create(api, username=f"  {decomposed}  ", name="A")
    refused = await create(api, username="grace", name=decomposed)

    assert [] == accepted["userErrors"]
    assert [invalid("TOO_LONG", "name")] == refused["userErrors"]


async def test_the_longest_address_is_stored(api: Api) -> None:
    """254 characters are an address's most."""
    email = "a" * 242 + "@example.com"

    payload = await create(api, email=email)

    assert ([], email) == (payload["userErrors"], payload["customer"]["email"])


async def test_composed_and_decomposed_handles_are_one(api: Api) -> None:
    """Whichever came first, the other is taken, by its composed form."""
    first = await create(api, username=DECOMPOSED)
    second = await create(api, username=COMPOSED)

    assert [] == first["userErrors"]
    assert [taken(COMPOSED, "username")] == second["userErrors"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("ada@EXAMPLE.com", "ada@example.COM"),
        ("zo\u00eb@example.com", "zoe\u0308@example.com"),
        ("a@H\u0331.example", "a@\u1e96.example"),
    ],
    ids=["case", "composition", "a capital that has no composed form"],
)
async def test_addresses_that_differ_by_spelling_are_one(api: Api, first: str, second: str) -> None:
    """As far as the domain's case and the composition go."""
    one = await create(api, username="ada", email=first)
    other = await create(api, username="grace", email=second)

    assert [] == one["userErrors"]
    assert ["TAKEN"] == [error["code"] for error in other["userErrors"]]


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_is_normalised_once_stays_as_it_is(local: str, domain: str) -> None:
    """Handles and addresses, whatever they are made of."""
    handle, email = unique_text.username(local), unique_text.email(f"{local}@{domain}")

    assert handle == unique_text.username(handle)
    assert email == unique_text.email(email) == unique_text.email(unicodedata.normalize("NFD", email))


UNSTORABLE = {
    "NUL": r'{"input": {"username": "a\u0000b", "name": "A"}}',
    "NUL alone": r'{"input": {"username": "a", "name": "\u0000"}}',
    "in an unused variable": r'{"input": {"username": "a", "name": "A"}, "other": [[{"x": ["\u0000"]}]]}',
    "in a variable's name": r'{"input": {"username": "a", "name": "A"}, "\u0000": 1}',
    "high surrogate": r'{"input": {"username": "a", "name": "\ud800"}}',
    "low surrogate": r'{"input": {"username": "a", "name": "\uDC00"}}',
    "wrong order": r'{"input": {"username": "a", "name": "\udc00\ud800"}}',
}


@on_sqlite
@pytest.mark.parametrize("variables", UNSTORABLE.values(), ids=UNSTORABLE)
async def test_text_that_cannot_be_stored_does_not_fit_a_variable(
    database: Database, api: Api, variables: str
) -> None:
    """NUL and half of a surrogate pair are refused before anything is run."""
    answer = await send(api, CREATE, variables)

    assert ["BAD_USER_INPUT"] == [error["extensions"]["code"] for error in answer["errors"]]
    assert [] == (await stored(database))["customers"]


async def send(api: Api, query: str, variables: str) -> Any:
    """For variables that Python's own JSON would not write."""
    body = f'{{"query": {json.dumps(query)}, "variables": {variables}}}'
    headers = {"Content-Type": "application/json"}
    return (await api.client.post("/graphql", content=body, headers=headers)).json()


@on_sqlite
@pytest.mark.parametrize(
    ("literal", "code"),
    [
        (r'"a\u0000b"', "GRAPHQL_VALIDATION_FAILED"),
        (r'"\u{0}"', "GRAPHQL_VALIDATION_FAILED"),
        ('"a\0b"', "GRAPHQL_VALIDATION_FAILED"),
        ('"""a\0b"""', "GRAPHQL_VALIDATION_FAILED"),
        (r'"\ud800"', "GRAPHQL_PARSE_FAILED"),
        (r'"\u{d800}"', "GRAPHQL_PARSE_FAILED"),
        (r'"\udc00\ud800"', "GRAPHQL_PARSE_FAILED"),
        (r'"\u{110000}"', "GRAPHQL_PARSE_FAILED"),
        ('"a\nb"', "GRAPHQL_PARSE_FAILED"),
    ],
)
async def test_text_that_cannot_be_stored_is_no_valid_literal(
    database: Database, api: Api, literal: str, code: str
) -> None:
    """The same holds for a document's own strings."""
    query = (
        f'mutation {{ createCustomer(input: {{ username: "a", name: {literal} }}) {{ customer {{ id }} }} }}'
    )

    assert code == await api.code(query)
    assert [] == (await stored(database))["customers"]


async def test_pairs_of_surrogates_are_text(api: Api) -> None:
    """As JSON and GraphQL write what lies beyond the first plane."""
    answer = await send(api, CREATE, r'{"input": {"username": "a", "name": "\ud83d\ude00"}}')
    literal = await api.data(
        r'mutation { createCustomer(input: { username: "b", name: "\ud83d\ude00" }) { customer { name } } }'
    )

    names = [
        answer["data"]["createCustomer"]["customer"]["name"],
        literal["createCustomer"]["customer"]["name"],
    ]
    assert ["\U0001f600"] * 2 == names


@on_sqlite
@pytest.mark.parametrize("value", [1, 1.5, True, ["a"], {"a": "b"}, None])
async def test_what_is_no_string_is_made_none(database: Database, api: Api, value: object) -> None:
    """Numbers and the like are refused, not written out."""
    assert "BAD_USER_INPUT" == await api.code(CREATE, input={"username": value, "name": "A"})
    assert [] == (await stored(database))["customers"]
