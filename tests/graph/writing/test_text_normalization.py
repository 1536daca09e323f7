"""Texts: counted by code points, unique ones in a normal form, others as sent, and never with a NUL."""

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import unique_text
from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id
from tests.graph.writing.user_errors import PROBLEM, invalid, taken
from tests.table_rows import stored_rows

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
mutation ($id: ID!, $text: String!, $reference: String) {
  createOrder(
    input: {
      customerId: $id
      reference: $reference
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
    """Names and article numbers are neither trimmed nor normalised."""
    customer = await create_customer(database, name=text)
    created = await api.data(ORDER, id=global_id(customer), text=text)
    read = await api.data("{ orders { nodes { lines { sku name } customer { name } } } }")

    assert [] == created["createOrder"]["userErrors"]
    assert {"reference": None, "lines": [{"sku": text, "name": text}]} == created["createOrder"]["order"]
    assert [{"lines": [{"sku": text, "name": text}], "customer": {"name": text}}] == read["orders"]["nodes"]


NORMALIZED = {
    "composed": (COMPOSED, COMPOSED),
    "decomposed": (DECOMPOSED, COMPOSED),
    "byte order mark": (f"\ufeff{COMPOSED}", COMPOSED),
    "zero width": ("Zo\u200b\u2060\u00ad\u034f\u00eb\ufe0f", COMPOSED),
    "directions": (f"\u202b{COMPOSED}\u202c\u200e", COMPOSED),
    "spaces": (f" \u00a0\u3000\t{COMPOSED}\u2003\r\n", COMPOSED),
    "spaces behind a mark": (f"\ufeff \ufeff{DECOMPOSED} \u200b", COMPOSED),
    "fillers": (f"\u115f\u3164{COMPOSED}\uffa0", COMPOSED),
    "tags": (f"{COMPOSED}\U000e0041\U000e007f", COMPOSED),
    "inner spaces": ("a  b", "a  b"),
    "emoji": (FAMILY, FAMILY.replace("\u200d", "")),
    "wildcards": ("100%_\\", "100%_\\"),
    "wide": ("\uff21\u212b", "\uff21\u00c5"),
}
LOOKED_UP = """
query ($text: String!) {
  customer(by: { username: $text }) { username }
  order(by: { reference: $text }) { reference }
  eq: customers(where: { username: { eq: $text } }) { nodes { username } }
  in: customers(where: { username: { in: [$text] } }) { nodes { username } }
  range: customers(where: { username: { gte: $text, lte: $text } }) { nodes { username } }
  orders(where: { reference: { eq: $text } }) { nodes { reference } }
}
"""


@pytest.mark.parametrize(("sent", "stored"), NORMALIZED.values(), ids=NORMALIZED)
async def test_unique_text_has_a_normal_form(database: Database, api: Api, sent: str, stored: str) -> None:
    """Usernames and references are stored in it, and found by every spelling, also in filters."""
    created = await create(api, username=sent)
    again = await create(api, username=stored)
    order = await api.data(ORDER, id=created["customer"]["id"], text="a", reference=sent)
    read = await api.data(LOOKED_UP, text=sent)
    customer, reference = {"username": stored}, {"reference": stored}

    assert stored == created["customer"]["username"]
    assert [taken(stored, "username")] == again["userErrors"]
    assert stored == order["createOrder"]["order"]["reference"]
    assert {
        "customer": customer,
        "order": reference,
        **{alias: {"nodes": [customer]} for alias in ("eq", "in", "range")},
        "orders": {"nodes": [reference]},
    } == read


@pytest.mark.parametrize("sent", ["a\tb", "a\x1bb", "\x01", "a\x7f", "a\x85b", "a\nb"])
async def test_unique_text_has_no_control_characters(database: Database, api: Api, sent: str) -> None:
    """They are refused inside; at the ends those that are whitespace are trimmed."""
    customer = global_id(await create_customer(database))
    created = await create(api, username=sent, email=f"{sent}@example.com")
    order = await api.data(ORDER, id=customer, text="a", reference=sent)
    fields = [error["path"][-1] for error in created["userErrors"] if error["code"] == "NOT_PRINTABLE"]

    assert ["username", "email"] == fields
    assert ["NOT_PRINTABLE"] == [error["code"] for error in order["createOrder"]["userErrors"]]


@pytest.mark.parametrize("sent", ["\ufeff", " \u200b ", "\u3164"])
async def test_invisible_text_is_empty(api: Api, sent: str) -> None:
    """Nothing is left of it."""
    assert [invalid("REQUIRED", "username")] == (await create(api, username=sent))["userErrors"]


async def test_references_of_one_form_are_one_order(database: Database, api: Api) -> None:
    """An upsert finds the order by every spelling of its reference, and a batch repeats it."""
    customer = global_id(await create_customer(database))
    query = """
    mutation ($items: [UpsertOrderItem!]!) {
      upsertOrders(input: { items: $items }) { results { outcome userErrors { code } order { reference } } }
    }
    """
    total = {"amount": "1", "currency": "EUR"}
    outcomes = []
    for reference in ("\u00dc-1", "U\u0308-1", "\ufeff\u00dc-1 "):
        item = {"customerId": customer, "reference": reference, "total": total}
        (result,) = (await api.data(query, items=[item]))["upsertOrders"]["results"]
        outcomes.append((result["outcome"], result["order"]["reference"]))

    assert [("CREATED", "\u00dc-1"), ("UNCHANGED", "\u00dc-1"), ("UNCHANGED", "\u00dc-1")] == outcomes


async def test_a_key_matches_every_spelling(api: Api) -> None:
    """An input that differs by its spelling alone is the same under an idempotency key."""
    first = await create(api, username="bob", idempotencyKey="key")
    second = await create(api, username="\ufeffbob ", idempotencyKey="key")

    assert [] == first["userErrors"] == second["userErrors"]
    assert first["customer"] == second["customer"]


@pytest.mark.parametrize("character", ["a", "\u00eb", "\u5b57", "\U0001f600"], ids=["1", "2", "3", "4 bytes"])
async def test_lengths_are_counted_in_code_points(database: Database, api: Api, character: str) -> None:
    """250 of any kind are stored, 251 are too many."""
    longest, longer = character * 250, character * 251

    accepted = await create(api, username=longest, name=longest)
    refused = await create(api, username=longer, name=longer)

    assert [] == accepted["userErrors"]
    assert [invalid("TOO_LONG", "username"), invalid("TOO_LONG", "name")] == refused["userErrors"]
    assert [(longest, longest)] == [row[1:3] for row in (await stored_rows(database))["customers"]]


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


@given(st.text(max_size=40))
def test_what_is_normalised_once_stays_as_it_is(text: str) -> None:
    """Unique text and the keys of addresses, whatever they are made of, and however that is composed."""
    normal, key = unique_text.normalize(text), unique_text.email_key(text)

    assert (
        normal == unique_text.normalize(normal) == unique_text.normalize(unicodedata.normalize("NFD", text))
    )
    assert key == unique_text.email_key(key) == unique_text.email_key(unicodedata.normalize("NFD", text))
    assert key == unique_text.email_key(text.upper().lower()) or text.upper().lower() != text


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
    assert [] == (await stored_rows(database))["customers"]


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
    assert [] == (await stored_rows(database))["customers"]


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
    assert [] == (await stored_rows(database))["customers"]
