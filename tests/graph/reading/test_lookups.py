"""Finding one object by a unique key, and objects by their global ids."""

from datetime import UTC, datetime
from typing import Any

import pytest

from db import customers
from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line

NO_CUSTOMER, NO_ORDER = (GlobalId(kind, 2**53).encode() for kind in ("Customer", "Order"))
CUSTOMER = "query ($by: CustomerBy!) { customer(by: $by) { id username } }"
ORDER = "query ($by: OrderBy!) { order(by: $by) { id reference } }"
NODE = "query ($id: ID!) { node(id: $id) { __typename id } }"
NODES = """
query ($ids: [ID!]!) {
  nodes(ids: $ids) { id ... on Customer { username } ... on Order { reference } }
}
"""
EVERYTHING = """
query ($by: OrderBy!) {
  order(by: $by) {
    id reference status placedAt version createdAt updatedAt allowedTransitions
    total { amount currency }
    lines {
      position sku name quantity
      unitPrice { amount currency }
      total { amount currency }
    }
    customer { id username name email version createdAt updatedAt archivedAt }
  }
}
"""


def shown(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"


async def test_every_field_of_an_order_and_its_customer_is_read(database: Database, api: Api) -> None:
    """All fields of all three objects come back with what was stored."""
    ada = await create_customer(database, username="ada", name="Ada", email="ada@example.com")
    lines = line("MUG-01", 3, "12.50"), line("TEA-02", 1, "0.1234")
    placed_at = datetime(2026, 2, 28, 9, 30, 0, 1, UTC)
    order = await create_order(database, ada, *lines, placed_at=placed_at, reference="SO-1")

    data = await api.data(EVERYTHING, by={"reference": "SO-1"})

    assert {
        "id": global_id(order),
        "reference": "SO-1",
        "status": "PENDING",
        "placedAt": "2026-02-28T09:30:00.000001Z",
        "version": 1,
        "createdAt": shown(order.created_at),
        "updatedAt": shown(order.created_at),
        "allowedTransitions": ["PAID", "CANCELLED"],
        "total": {"amount": "37.6234", "currency": "EUR"},
        "lines": [
            {
                "position": 1,
                "sku": "MUG-01",
                "name": "Article MUG-01",
                "quantity": 3,
                "unitPrice": {"amount": "12.5", "currency": "EUR"},
                "total": {"amount": "37.5", "currency": "EUR"},
            },
            {
                "position": 2,
                "sku": "TEA-02",
                "name": "Article TEA-02",
                "quantity": 1,
                "unitPrice": {"amount": "0.1234", "currency": "EUR"},
                "total": {"amount": "0.1234", "currency": "EUR"},
            },
        ],
        "customer": {
            "id": global_id(ada),
            "username": "ada",
            "name": "Ada",
            "email": "ada@example.com",
            "version": 1,
            "createdAt": shown(ada.created_at),
            "updatedAt": shown(ada.created_at),
            "archivedAt": None,
        },
    } == data["order"]


async def test_a_customer_is_found_by_each_unique_key(database: Database, api: Api) -> None:
    """Id, handle and e-mail address name the same customer, who is not the other one."""
    ada = await create_customer(database, username="ada", email="ada@example.com")
    await create_customer(database, username="grace", email="grace@example.com")

    found = [
        (await api.data(CUSTOMER, by=by))["customer"]
        for by in ({"id": global_id(ada)}, {"username": "ada"}, {"email": "ada@example.com"})
    ]

    assert [{"id": global_id(ada), "username": "ada"}] * 3 == found


@pytest.mark.parametrize(
    "by",
    [
        {"username": " Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}\t"},
        {"username": "Zoe\N{COMBINING DIAERESIS}"},
        {"email": " zoe@EXAMPLE.com "},
    ],
)
async def test_keys_are_looked_up_as_they_are_stored(
    database: Database, api: Api, by: dict[str, str]
) -> None:
    """What a handle or address is trimmed and normalised to when written, it is when asked for."""
    await create_customer(
        database, username="Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}", email="zoe@example.com"
    )

    data = await api.data(CUSTOMER, by=by)

    assert data["customer"]["username"] == "Zo\N{LATIN SMALL LETTER E WITH DIAERESIS}"


@pytest.mark.parametrize(
    "by",
    [
        {"username": "ADA"},
        {"username": "ad"},
        {"username": ""},
        {"username": "a" * 100_000},
        {"id": NO_CUSTOMER},
    ],
)
async def test_a_customer_that_is_not_there_is_null(database: Database, api: Api, by: dict[str, str]) -> None:
    """Usernames are compared with their case."""
    await create_customer(database, username="ada", email="ada@example.com")

    assert {"customer": None} == await api.data(CUSTOMER, by=by)


async def test_an_archived_customer_is_found_by_key(database: Database, api: Api) -> None:
    """Archiving hides from `customers`, not from a look-up."""
    ada = await create_customer(database, username="ada")
    await database.write(lambda transaction: customers.archive(transaction, ada.id))

    data = await api.data(CUSTOMER, by={"username": "ada"})

    assert {"customer": {"id": global_id(ada), "username": "ada"}} == data


async def test_an_order_is_found_by_id_and_by_reference(database: Database, api: Api) -> None:
    """Both keys name the same order; a reference is compared with its case."""
    customer = await create_customer(database)
    order = await create_order(database, customer, reference="SO-1")
    await create_order(database, customer)

    found = [
        (await api.data(ORDER, by=by))["order"]
        for by in ({"id": global_id(order)}, {"reference": "SO-1"}, {"reference": "so-1"})
    ]

    assert [{"id": global_id(order), "reference": "SO-1"}] * 2 + [None] == found


async def test_a_node_is_any_object(database: Database, api: Api) -> None:
    """`node` finds customers and orders, each as what it is."""
    customer = await create_customer(database)
    order = await create_order(database, customer)

    found = [(await api.data(NODE, id=global_id(row)))["node"] for row in (customer, order)]

    assert [
        {"__typename": "Customer", "id": global_id(customer)},
        {"__typename": "Order", "id": global_id(order)},
    ] == found


async def test_nodes_keep_the_order_of_their_ids(database: Database, api: Api) -> None:
    """Null stands in the place of an id of nothing, and an id sent twice comes back twice."""
    ada = await create_customer(database, username="ada")
    order = await create_order(database, ada, reference="SO-1")
    sent = [global_id(order), "rubbish", global_id(ada), NO_ORDER, global_id(order)]

    data = await api.data(NODES, ids=sent)

    shown_order = {"id": global_id(order), "reference": "SO-1"}
    assert [
        shown_order,
        None,
        {"id": global_id(ada), "username": "ada"},
        None,
        shown_order,
    ] == data["nodes"]


async def test_no_ids_are_no_nodes(api: Api) -> None:
    """An empty list is answered by one."""
    assert {"nodes": []} == await api.data(NODES, ids=[])


@on_sqlite
@pytest.mark.parametrize(
    ("count", "code", "data"),
    [
        (100, None, {"nodes": [None] * 100}),
        (101, "BAD_USER_INPUT", {"nodes": None}),
        (10_000, "BAD_USER_INPUT", None),
    ],
)
async def test_nodes_takes_a_hundred_ids(api: Api, count: int, code: str | None, data: Any) -> None:
    """One more is an error of the field; more than a list may have, of the request."""
    answer: dict[str, Any] = await api.send(NODES, ids=[NO_ORDER] * count)

    assert code == (answer["errors"][0]["extensions"]["code"] if "errors" in answer else None)
    assert data == answer.get("data")
