"""A relation of which only the id is asked for needs no statement."""

import pytest

from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order
from tests.shared_tidb import Statements

SELECTIONS = [
    ("customer { id }", 0),
    ("customer { __typename }", 0),
    ("customer { again: id ... on Node { id } ...Id }", 0),
    ("customer { id name @include(if: $no) ...Name @include(if: $no) }", 0),
    ("customer { id } customer { __typename }", 0),
    ("customer { id } other: customer { name }", 1),
    ("customer { id } customer { name }", 1),
    ("customer { id name @skip(if: $no) }", 1),
    ("customer { ...Id ...Name }", 1),
    ("customer { id orders(first: 0) { pageInfo { hasNextPage } } }", 2),
]


@pytest.mark.parametrize(("selection", "expected"), SELECTIONS)
async def test_an_id_alone_is_not_read(
    database: Database, api: Api, statements: Statements, selection: str, expected: int
) -> None:
    """However it is written; any other field reads the row."""
    await create_order(database, await create_customer(database))
    statements.clear()
    await api.data(
        f"query ($no: Boolean = false) {{ orders {{ nodes {{ {selection} }} }} ...Use @include(if: $no) }}"
        " fragment Id on Customer { id } fragment Name on Customer { name }"
        " fragment Use on Query { node(id: 0) { ...Id ...Name } }"
    )

    assert 1 + expected == len(statements)


async def test_an_id_that_is_not_read_is_right(database: Database, api: Api) -> None:
    """The same id and type name as of a customer that is read."""
    customer = await create_customer(database)
    await create_order(database, customer)
    data = await api.data("{ orders { nodes { customer { __typename id } } } }")

    expected = {"__typename": "Customer", "id": GlobalId("Customer", customer.id).encode()}
    assert [{"customer": expected}] == data["orders"]["nodes"]
