"""E-mail addresses: unique and compared without case, shown as they were entered."""

from typing import Any

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer
from tests.graph.writing.test_text_normalization import create

UPDATE = """
mutation ($id: ID!, $email: String) {
  updateCustomer(input: { id: $id, email: $email }) {
    customer { email version history { nodes { version fields { field before after } } } }
    userErrors { code path ... on ValueTakenError { value } }
  }
}
"""
FILTERED = "query ($where: CustomerWhere!) { customers(where: $where) { nodes { email } } }"
SPELLINGS = [
    "Ada@Example.COM",
    "ada@example.com",
    "ADA@EXAMPLE.COM",
    " ada@Example.com ",
    "\ufeffa\u200bda@example.com",
]


@pytest.mark.parametrize("other", SPELLINGS)
async def test_an_address_is_unique_in_every_spelling(api: Api, other: str) -> None:
    """Case and invisible characters make no other address of it; the error shows what was sent."""
    first = await create(api, username="ada", email="Ada@Example.com")
    second = await create(api, username="grace", email=other)
    (error,) = second["userErrors"]

    assert "Ada@Example.com" == first["customer"]["email"]
    assert "TAKEN" == error["code"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Stra\u00dfe@example.com", "STRASSE@example.com"),
        ("zo\u00eb@example.com", "ZOE\u0308@example.com"),
        ("a@H\u0331.example", "a@\u1e96.example"),
        ("\u03c3\u03c2@example.com", "\u03a3\u03a3@example.com"),
        ("\u0390@example.com", "\u03b9\u0308\u0301@example.com"),
    ],
)
async def test_case_is_unicodes(api: Api, first: str, second: str) -> None:
    """Case folding and canonical equivalence, together."""
    one = await create(api, username="ada", email=first)
    other = await create(api, username="grace", email=second)

    assert [] == one["userErrors"]
    assert ["TAKEN"] == [error["code"] for error in other["userErrors"]]


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_every_spelling_finds_the_customer(api: Api, spelling: str) -> None:
    """By a look-up and by every operator of a filter; it is shown as it was entered."""
    await create(api, username="ada", email="Ada@Example.com")
    await create(api, username="bob", email="Bob@Example.com")
    await create(api, username="nobody")
    found = await api.data("query ($e: String!) { customer(by: { email: $e }) { email } }", e=spelling)
    ada, bob = {"email": "Ada@Example.com"}, {"email": "Bob@Example.com"}
    filters: dict[str, tuple[dict[str, Any], list[Any]]] = {
        "eq": ({"eq": spelling}, [ada]),
        "ne": ({"ne": spelling}, [bob]),
        "in": ({"in": [spelling]}, [ada]),
        "notIn": ({"notIn": [spelling]}, [bob]),
        "gt": ({"gt": spelling}, [bob]),
        "gte": ({"gte": spelling}, [bob, ada]),
        "lt": ({"lt": spelling}, []),
        "lte": ({"lte": spelling}, [ada]),
        "startsWith": ({"startsWith": "AD"}, [ada]),
        "contains": ({"contains": "DA@eXample"}, [ada]),
        "isNull": ({"isNull": True}, [{"email": None}]),
        "not isNull": ({"isNull": False}, [bob, ada]),
    }
    answers = {
        name: (await api.data(FILTERED, where={"email": where}))["customers"]["nodes"]
        for name, (where, _) in filters.items()
    }

    assert {"customer": ada} == found
    assert {name: expected for name, (_, expected) in filters.items()} == answers


async def test_a_change_of_case_alone_is_a_change(api: Api) -> None:
    """It is stored, raises the version and stands in the history; the same spelling changes nothing."""
    customer = (await create(api, username="ada", email="ada@example.com"))["customer"]
    changed = (await api.data(UPDATE, id=customer["id"], email="Ada@Example.com"))["updateCustomer"]
    same = (await api.data(UPDATE, id=customer["id"], email="Ada@Example.com"))["updateCustomer"]
    cleared = (await api.data(UPDATE, id=customer["id"], email=None))["updateCustomer"]
    other = await create(api, username="grace", email="ADA@example.com")

    assert ("Ada@Example.com", 2) == (changed["customer"]["email"], changed["customer"]["version"])
    assert [{"field": "email", "before": "ada@example.com", "after": "Ada@Example.com"}] == changed[
        "customer"
    ]["history"]["nodes"][0]["fields"]
    assert 2 == same["customer"]["version"]
    assert (None, 3) == (cleared["customer"]["email"], cleared["customer"]["version"])
    assert [] == other["userErrors"]


async def test_upserts_find_addresses_in_every_spelling(api: Api) -> None:
    """The address of another customer is taken, and a change of case is an update."""
    query = """
    mutation ($items: [UpsertCustomerItem!]!) {
      upsertCustomers(input: { items: $items, mode: EACH }) {
        results { outcome customer { email } userErrors { code } }
      }
    }
    """
    await create(api, username="ada", email="Ada@Example.com")
    items = [
        {"username": "ada", "name": "Ada", "email": "ADA@example.com"},
        {"username": "grace", "name": "Grace", "email": "ada@EXAMPLE.com"},
        {"username": "joan", "name": "Joan", "email": "Joan@example.com"},
        {"username": "jo", "name": "Jo", "email": "joan@example.com"},
    ]
    results = (await api.data(query, items=items))["upsertCustomers"]["results"]

    assert [("UPDATED", "ADA@example.com"), None, ("CREATED", "Joan@example.com"), None] == [
        each["customer"] and (each["outcome"], each["customer"]["email"]) for each in results
    ]
    assert [[], ["TAKEN"], [], ["TAKEN"]] == [
        [error["code"] for error in each["userErrors"]] for each in results
    ]


async def test_a_search_finds_an_address_as_it_was_entered(database: Database, api: Api) -> None:
    """Without case, too."""
    await create_customer(database, username="a", email="\u0141ukasz@Example.com")
    query = "query ($s: String!) { customers(search: $s) { nodes { email } } }"
    found = await api.data(query, s="LUKASZ@EXAMPLE")

    assert {"customers": {"nodes": [{"email": "\u0141ukasz@Example.com"}]}} == found
