"""What connections leave out, and how a cursor depends on it."""

from db import customers
from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer

CUSTOMERS = """
query ($includeArchived: Boolean) {
  customers(includeArchived: $includeArchived) { nodes { username } pageInfo { hasNextPage } }
}
"""


async def test_archived_customers_are_shown_only_when_asked_for(database: Database, api: Api) -> None:
    """`includeArchived` is false by default, also as null."""
    for name in ("ada", "grace", "mary"):
        customer = await create_customer(database, username=name)
        if name == "grace":
            await database.write(lambda transaction, each=customer: customers.archive(transaction, each.id))

    shown = [
        [node["username"] for node in (await api.data(CUSTOMERS, **arguments))["customers"]["nodes"]]
        for arguments in (
            {},
            {"includeArchived": None},
            {"includeArchived": False},
            {"includeArchived": True},
        )
    ]

    assert [["mary", "ada"]] * 3 + [["mary", "grace", "ada"]] == shown


async def test_a_filter_that_is_null_is_the_same_filter(database: Database, api: Api) -> None:
    """A cursor goes from one spelling of an argument to the other."""
    for name in ("ada", "grace"):
        await create_customer(database, username=name)
    query = """
    query ($after: String, $includeArchived: Boolean) {
      customers(first: 1, after: $after, includeArchived: $includeArchived) {
        nodes { username }
        pageInfo { endCursor }
      }
    }
    """
    spellings: list[dict[str, bool | None]] = [{}, {"includeArchived": None}, {"includeArchived": False}]
    cursors = [(await api.data(query, **each))["customers"]["pageInfo"]["endCursor"] for each in spellings]

    found = [
        (await api.data(query, after=cursor, **each))["customers"]["nodes"]
        for cursor in cursors
        for each in spellings
    ]

    assert [[{"username": "ada"}]] * 9 == found
