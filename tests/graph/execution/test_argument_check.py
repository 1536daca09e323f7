"""What depends on the variables alone is checked before a mutation runs; a query's field fails by itself."""

from typing import Any

import pytest

from db import customers
from db.engine.database import Database
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from tests.api import Api
from tests.factories import create_customer, global_id
from tests.open_transaction import open_transaction
from tests.shared_tidb import Statements

CREATE = """{
  ok: createCustomer(input: {username: "a", name: "A"}) { userErrors { code } }
  createCustomer(input: {username: "ada", name: "Ada"}) {
    userErrors { code @skip(if: false) }
    %s
  }
}"""
VARIABLES = {
    "flag": "Boolean = true",
    "first": "Int = 1",
    "after": "String",
    "limit": "Int = 1",
    "sort": "SortDirection = ASC",
}
# A payload field, the variables that it uses, and the message.
WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("customer @include(if: $flag) { id }", {"flag": None}, "provided to non-null type"),
    ("customer { id @skip(if: $flag) }", {"flag": None}, "provided to non-null type"),
    ("customer { ...F @include(if: $flag) }", {"flag": None}, "provided to non-null type"),
    ("customer { ... @include(if: $flag) { id } }", {"flag": None}, "provided to non-null type"),
    ("customer { orders(first: $first) { nodes { id } } }", {"first": 101}, "first must be from 0 to 100."),
    (
        "customer { orders(first: 1, last: 1) { nodes { id } } }",
        {},
        "first and last cannot be used together.",
    ),
    ("customer { orders(after: $after) { nodes { id } } }", {"after": "bad"}, "cursor"),
    ("customer { history(before: $after) { nodes { at } } }", {"after": "bad"}, "cursor"),
    ("customer { ...F }", {"after": "bad"}, "cursor"),
    ("customer { orders { totalCount(limit: $limit) { value } } }", {"limit": -1}, "limit must be from"),
    (
        "customer { orders { nodes { customer { orders(first: $first) { nodes { id } } } } } }",
        {"first": -1},
        "first must be",
    ),
    (
        "customer { orders(orderBy: {field: PLACED_AT, direction: $sort}) { nodes { id } } }",
        {"sort": None},
        "provided to non-null type",
    ),
    (
        "customer { orders(orderBy: {field: STATUS}) { nodes { id } } }",
        {},
        "Orders cannot be sorted",
    ),
    ("customer { orderStats(where: {status: {eq: null}}) { count } }", {}, "`status.eq` in where is null"),
]
FRAGMENT = "\nfragment F on Customer { id orders(after: $after) { nodes { id } } }"


def document_of(selection: str) -> str:
    """A document of two mutations, the second with this in its payload; it declares the variables used."""
    body = CREATE % selection + (FRAGMENT if "...F" in selection else "")
    used = [f"${name}: {kind}" for name, kind in VARIABLES.items() if f"${name}" in body]
    return f"mutation {f'({chr(44).join(used)})' if used else ''} {body}"


@pytest.mark.parametrize(("selection", "variables", "message"), WRONG)
async def test_nothing_is_written_if_a_payload_cannot_be_read(
    database: Database, api: Api, selection: str, variables: dict[str, Any], message: str
) -> None:
    """The request is rejected as a whole, without a statement: no field was run."""
    with Statements(database) as statements:
        answer = await api.send(document_of(selection), **variables)

    assert "data" not in answer
    assert {"BAD_USER_INPUT"} == {error["extensions"]["code"] for error in answer["errors"]}
    assert message in answer["errors"][0]["message"]
    assert [] == statements


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_payload_cannot_be_pinned_on_sqlite(database: Database, api: Api) -> None:
    """SQLite keeps no past: that is known before the change is made."""
    selection = "customer { orders(snapshot: PINNED) { nodes { id } } }"
    with Statements(database) as statements:
        answer = await api.send(document_of(selection))

    assert "data" not in answer
    assert ["AS_OF_UNAVAILABLE"] == [error["extensions"]["code"] for error in answer["errors"]]
    assert [] == statements


async def test_all_wrong_arguments_are_reported_at_once(sqlite_api: Api) -> None:
    """Each with its place in the document."""
    selection = "customer { a: orders(first: -1) { nodes { id } } b: history(last: 101) { nodes { at } } }"
    answer = await sqlite_api.send(document_of(selection))

    assert [
        ("first must be from 0 to 100.", 5),
        ("last must be from 0 to 100.", 5),
    ] == [(error["message"], error["locations"][0]["line"]) for error in answer["errors"]]


@pytest.mark.parametrize("database_url", ["asyncmy"], indirect=True)
async def test_one_failing_mutation_leaves_the_others(database_url: str) -> None:
    """What fails at run time is null at its own field; what ran before and after it is answered."""
    limits = Limits(lock_timeout=1)
    document = """
      mutation ($id: ID!) {
        a: createCustomer(input: {username: "ada", name: "Ada"}) { customer { username } }
        b: updateCustomer(input: {id: $id, name: "New"}) { customer { username } }
        c: createCustomer(input: {username: "bob", name: "Bob"}) { customer { username } }
      }
    """
    async with Database(DatabaseUrl.parse(database_url), limits) as database, Api.of(database) as api:
        customer = await create_customer(database, name="Old")
        async with open_transaction(
            database, lambda each: customers.update(each, customer.id, {"name": "Other"})
        ):
            answer = await api.send(document, id=global_id(customer))

    assert {
        "a": {"customer": {"username": "ada"}},
        "b": None,
        "c": {"customer": {"username": "bob"}},
    } == answer["data"]
    assert [(["b"], "CONFLICT")] == [(each["path"], each["extensions"]["code"]) for each in answer["errors"]]


async def test_one_failing_query_leaves_the_others(database: Database, api: Api) -> None:
    """A bad cursor nulls its own root field."""
    customer = await create_customer(database)
    answer = await api.send(
        """{
          a: customers { nodes { username } }
          b: customers(after: "bad") { nodes { username } }
          c: nodes(ids: []) { id }
          d: history(node: "x", first: 101) { nodes { at } }
        }"""
    )

    assert {
        "a": {"nodes": [{"username": customer.username}]},
        "b": None,
        "c": [],
        "d": None,
    } == answer["data"]
    assert [(["b"], "BAD_USER_INPUT"), (["d"], "BAD_USER_INPUT")] == sorted(
        (error["path"], error["extensions"]["code"]) for error in answer["errors"]
    )
