"""Archiving, restoring and deleting customers."""

from typing import Any

import pytest

from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order, global_id
from tests.graph.writing.user_errors import PROBLEM, invalid, not_found
from tests.table_rows import stored_rows

CUSTOMER = "id username name email version createdAt updatedAt archivedAt"
UPDATE, ARCHIVE, RESTORE = (
    f"""
    mutation ($input: {name[0].upper()}{name[1:]}Input!) {{
      {name}(input: $input) {{ customer {{ {CUSTOMER} }} userErrors {{ ...Problem }} }}
    }}
    {PROBLEM}
    """
    for name in ("updateCustomer", "archiveCustomer", "restoreCustomer")
)
DELETE = (
    "mutation ($input: DeleteCustomerInput!) {"
    " deleteCustomer(input: $input) { deletedId userErrors { ...Problem } } }" + PROBLEM
)
ADA = {"username": "ada", "name": "Ada Lovelace", "email": "ada@example.com"}
NO_CUSTOMER = GlobalId("Customer", 2**53).encode()


async def run(api: Api, mutation: str, **input: Any) -> Any:
    """The payload of the one mutation in a document."""
    (payload,) = (await api.data(mutation, input=input)).values()
    return payload


async def test_a_customer_goes_to_the_archive_and_back(database: Database, api: Api) -> None:
    """Each way is a change; what is there already stays as it is."""
    ada = await create_customer(database, **ADA)
    seen = []
    for mutation in (ARCHIVE, ARCHIVE, RESTORE, RESTORE):
        payload = await run(api, mutation, id=global_id(ada))
        seen.append(payload["customer"])

        assert [] == payload["userErrors"]

    archived, archived_again, restored, restored_again = seen
    assert (2, True) == (archived["version"], archived["archivedAt"] > archived["createdAt"])
    assert archived == archived_again
    assert (3, None) == (restored["version"], restored["archivedAt"])
    assert restored == restored_again
    assert ADA == {name: restored[name] for name in ADA}


async def test_a_deleted_customer_is_gone(database: Database, api: Api) -> None:
    """The payload holds the id that was; deleting it again finds nothing."""
    ada = await create_customer(database, **ADA)
    other = await create_customer(database)

    payloads = [await run(api, DELETE, id=global_id(ada)) for _ in range(2)]

    assert [
        {"deletedId": global_id(ada), "userErrors": []},
        {"deletedId": None, "userErrors": [not_found(global_id(ada), "id")]},
    ] == payloads
    assert [other] == (await stored_rows(database))["customers"]


async def test_a_customer_with_orders_is_not_deleted(database: Database, api: Api) -> None:
    """Archiving is what is left."""
    ada = await create_customer(database, **ADA)
    await create_order(database, ada)
    before = await stored_rows(database)

    payload = await run(api, DELETE, id=global_id(ada))

    assert {"deletedId": None, "userErrors": [invalid("CUSTOMER_HAS_ORDERS", "id")]} == payload
    assert before == await stored_rows(database)


@pytest.mark.parametrize(
    "mutation", [UPDATE, ARCHIVE, RESTORE, DELETE], ids=["update", "archive", "restore", "delete"]
)
async def test_an_id_of_no_customer_is_not_found(database: Database, api: Api, mutation: str) -> None:
    """Rubbish, an order's id and an id of nobody are answered alike, with the id as it was sent."""
    order = await create_order(database, await create_customer(database))
    before = await stored_rows(database)

    for sent in ("", "rubbish", global_id(order), NO_CUSTOMER):
        payload = await run(api, mutation, id=sent)

        assert [not_found(sent, "id")] == payload.pop("userErrors")
        assert [None] == list(payload.values())
    assert before == await stored_rows(database)
