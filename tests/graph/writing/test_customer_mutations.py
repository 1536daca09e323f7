"""Creating and changing customers: what is stored, and what is refused without writing anything."""

from typing import Any

import pytest

from db import customers
from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id
from tests.graph.writing.user_errors import PROBLEM, Problem, invalid, taken
from tests.table_rows import stored_rows

CUSTOMER = "id username name email version createdAt updatedAt archivedAt"
CREATE, UPDATE = (
    f"""
    mutation ($input: {name[0].upper()}{name[1:]}Input!) {{
      {name}(input: $input) {{ customer {{ {CUSTOMER} }} userErrors {{ ...Problem }} }}
    }}
    {PROBLEM}
    """
    for name in ("createCustomer", "updateCustomer")
)
READ = "query ($id: ID!) { customer(by: { id: $id }) { " + CUSTOMER + " } }"
ADA = {"username": "ada", "name": "Ada Lovelace", "email": "ada@example.com"}
E_DIAERESIS = "\N{LATIN SMALL LETTER E WITH DIAERESIS}"


async def run(api: Api, mutation: str, **input: Any) -> Any:
    """The payload of the one mutation in a document."""
    (payload,) = (await api.data(mutation, input=input)).values()
    return payload


async def test_a_new_customer_is_stored_as_sent(api: Api) -> None:
    """The payload shows version 1 and one time, and what it shows is what is read later."""
    payload = await run(api, CREATE, **ADA)

    customer = payload["customer"]
    assert [] == payload["userErrors"]
    assert {**ADA, "version": 1, "archivedAt": None} == {
        name: customer[name] for name in ("username", "name", "email", "version", "archivedAt")
    }
    assert customer["createdAt"] == customer["updatedAt"]
    assert {"customer": customer} == await api.data(READ, id=customer["id"])


@pytest.mark.parametrize("email", [{}, {"email": None}], ids=["left out", "null"])
async def test_a_customer_needs_no_address(api: Api, email: dict[str, None]) -> None:
    """Left out and null are the same; two customers without one do not meet."""
    for username in ("ada", "grace"):
        payload = await run(api, CREATE, username=username, name="A", **email)

        assert (None, []) == (payload["customer"]["email"], payload["userErrors"])


async def test_a_handle_and_an_address_are_normalised_and_a_name_is_not(api: Api) -> None:
    """Handles are trimmed and composed, addresses also in lower case behind the @."""
    decomposed = "Zoe\N{COMBINING DIAERESIS}"
    sent = {
        "username": f" {decomposed}\n",
        "name": f" {decomposed} ",
        "email": f"\t{decomposed}@Caf\N{LATIN CAPITAL LETTER E WITH ACUTE}.EXAMPLE ",
    }

    customer = (await run(api, CREATE, **sent))["customer"]

    assert {
        "username": f"Zo{E_DIAERESIS}",
        "name": f" {decomposed} ",
        "email": f"Zo{E_DIAERESIS}@Caf\N{LATIN CAPITAL LETTER E WITH ACUTE}.EXAMPLE",
    } == {name: customer[name] for name in sent}


REFUSED: dict[str, tuple[dict[str, Any], list[Problem]]] = {
    "no handle": ({"username": ""}, [invalid("REQUIRED", "username")]),
    "a blank handle": ({"username": " \t\u3000"}, [invalid("REQUIRED", "username")]),
    "a long handle": ({"username": "a" * 251}, [invalid("TOO_LONG", "username")]),
    "no name": ({"name": ""}, [invalid("REQUIRED", "name")]),
    "a long name": ({"name": "a" * 251}, [invalid("TOO_LONG", "name")]),
    "a long address": ({"email": "a" * 245 + "@b.example"}, [invalid("TOO_LONG", "email")]),
    "no address in it": ({"email": ""}, [invalid("INVALID_EMAIL", "email")]),
    "no @": ({"email": "ada"}, [invalid("INVALID_EMAIL", "email")]),
    "nobody": ({"email": "@example.com"}, [invalid("INVALID_EMAIL", "email")]),
    "nowhere": ({"email": "ada@"}, [invalid("INVALID_EMAIL", "email")]),
    "a space": ({"email": "ada lovelace@example.com"}, [invalid("INVALID_EMAIL", "email")]),
    "everything": (
        {"username": " ", "name": "", "email": "ada"},
        [invalid("REQUIRED", "username"), invalid("REQUIRED", "name"), invalid("INVALID_EMAIL", "email")],
    ),
}


@on_sqlite
@pytest.mark.parametrize(("changed", "problems"), REFUSED.values(), ids=REFUSED)
async def test_creating_refuses_what_rules_forbid(
    database: Database, api: Api, changed: dict[str, Any], problems: list[Problem]
) -> None:
    """All mistakes are told at once, and nothing is stored."""
    payload = await run(api, CREATE, **(ADA | changed))

    assert {"customer": None, "userErrors": problems} == payload
    assert [] == (await stored_rows(database))["customers"]


@on_sqlite
@pytest.mark.parametrize(("changed", "problems"), REFUSED.values(), ids=REFUSED)
async def test_updating_refuses_what_rules_forbid(
    database: Database, api: Api, changed: dict[str, Any], problems: list[Problem]
) -> None:
    """The same rules in the same words as for a new customer."""
    customer = await create_customer(database)
    before = await stored_rows(database)

    payload = await run(api, UPDATE, id=global_id(customer), **changed)

    assert {"customer": None, "userErrors": problems} == payload
    assert before == await stored_rows(database)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"username": " ada "}, taken("ada", "username")),
        ({"email": "ada@EXAMPLE.com"}, taken("ada@EXAMPLE.com", "email")),
    ],
    ids=["handle", "address"],
)
async def test_what_must_be_unique_is_taken(
    database: Database, api: Api, changed: dict[str, str], problem: Problem
) -> None:
    """By a new customer and by a changed one, and also while its owner is archived."""
    ada = await create_customer(database, **ADA)
    grace = await create_customer(database, username="grace")
    await database.write(lambda transaction: customers.archive(transaction, ada.id))
    before = await stored_rows(database)

    created = await run(api, CREATE, **{"username": "mary", "name": "Mary"} | changed)
    updated = await run(api, UPDATE, id=global_id(grace), **changed)

    assert [{"customer": None, "userErrors": [problem]}] * 2 == [created, updated]
    assert before == await stored_rows(database)


async def test_handles_differ_by_case(api: Api) -> None:
    """`Ada` is not `ada`."""
    payloads = [await run(api, CREATE, username=name, name="A") for name in ("ada", "Ada", "ADA")]

    assert [[], [], []] == [payload["userErrors"] for payload in payloads]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"name": "Ada"}, {"name": "Ada"}),
        ({"username": "countess"}, {"username": "countess"}),
        ({"email": None}, {"email": None}),
        (
            {"username": "c", "name": "C", "email": "c@d.example"},
            {"username": "c", "name": "C", "email": "c@d.example"},
        ),
    ],
    ids=["name", "handle", "no address", "all"],
)
async def test_an_update_keeps_what_it_leaves_out(
    database: Database, api: Api, sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    """Null clears the address; the version goes up by one and updatedAt to a later time."""
    ada = await create_customer(database, **ADA)
    before = (await api.data(READ, id=global_id(ada)))["customer"]

    payload = await run(api, UPDATE, id=global_id(ada), **sent)

    after = payload["customer"]
    assert [] == payload["userErrors"]
    assert before["updatedAt"] < after["updatedAt"]
    assert {**before, **expected, "version": 2, "updatedAt": after["updatedAt"]} == after
    assert {"customer": after} == await api.data(READ, id=global_id(ada))


@pytest.mark.parametrize("field", ["username", "name"])
async def test_what_a_customer_needs_cannot_be_cleared(database: Database, api: Api, field: str) -> None:
    """Null is a user error there."""
    ada = await create_customer(database, **ADA)
    before = await stored_rows(database)

    payload = await run(api, UPDATE, id=global_id(ada), **{field: None})

    assert {"customer": None, "userErrors": [invalid("REQUIRED", field)]} == payload
    assert before == await stored_rows(database)


@pytest.mark.parametrize("sent", [{}, ADA, {"username": " ada ", "email": " ada@example.com\u200b"}])
async def test_an_update_that_changes_nothing_keeps_the_version(
    database: Database, api: Api, sent: dict[str, str]
) -> None:
    """Also where the same value is spelt in another way."""
    ada = await create_customer(database, **ADA)
    before = await stored_rows(database)

    payload = await run(api, UPDATE, id=global_id(ada), **sent)

    assert (1, []) == (payload["customer"]["version"], payload["userErrors"])
    assert before == await stored_rows(database)
