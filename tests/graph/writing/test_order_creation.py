"""Creating orders: with a total or with lines, and what is refused without writing anything."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from db import customers
from db.engine.database import Database
from db.models import Customer
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order, global_id
from tests.graph.writing.user_errors import PROBLEM, invalid, not_found, taken
from tests.table_rows import stored_rows

ORDER = """
id reference status placedAt version createdAt updatedAt allowedTransitions
total { amount currency }
lines { position sku name quantity unitPrice { amount currency } total { amount } }
customer { id }
"""
CREATE = f"""
mutation ($input: CreateOrderInput!) {{
  createOrder(input: $input) {{ order {{ {ORDER} }} userErrors {{ ...Problem }} }}
}}
{PROBLEM}
"""
READ = "query ($id: ID!) { order(by: { id: $id }) { " + ORDER + " } }"
NO_CUSTOMER = GlobalId("Customer", 2**53).encode()


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def mug(**changed: Any) -> dict[str, Any]:
    """A line that no rule forbids, with something changed."""
    return {"sku": "MUG-01", "name": "Mug", "quantity": 1, "unitPrice": euros("1")} | changed


async def create(api: Api, customer: Customer, **input: Any) -> Any:
    data = await api.data(CREATE, input={"customerId": global_id(customer), **input})
    return data["createOrder"]


async def test_the_tutorials_data_goes_in(api: Api) -> None:
    """A username and a price, of a JSON number made the string that the schema wants."""
    username, price = "ada", 9.99

    data = await api.data(
        """
        mutation ($username: String!) {
          createCustomer(input: { username: $username, name: $username }) {
            customer { id username }
            userErrors { message }
          }
        }
        """,
        username=username,
    )
    customer_id = data["createCustomer"]["customer"]["id"]
    data = await api.data(
        """
        mutation ($customerId: ID!, $price: Decimal!) {
          createOrder(input: { customerId: $customerId, total: { amount: $price, currency: "USD" } }) {
            order { total { amount currency } customer { username } }
            userErrors { message }
          }
        }
        """,
        customerId=customer_id,
        price=str(price),
    )

    assert {
        "order": {"total": {"amount": "9.99", "currency": "USD"}, "customer": {"username": "ada"}},
        "userErrors": [],
    } == data["createOrder"]


async def test_an_order_with_a_total_has_no_lines(database: Database, api: Api) -> None:
    """It is PENDING, at version 1, placed now unless told, and reads back as it was shown."""
    customer = await create_customer(database)

    payload = await create(api, customer, total=euros("20.00"), lines=None, reference=None, placedAt=None)

    order = payload["order"]
    assert [] == payload["userErrors"]
    assert {
        "id": order["id"],
        "reference": None,
        "status": "PENDING",
        "placedAt": order["createdAt"],
        "version": 1,
        "createdAt": order["createdAt"],
        "updatedAt": order["createdAt"],
        "allowedTransitions": ["PAID", "CANCELLED"],
        "total": euros("20"),
        "lines": [],
        "customer": {"id": global_id(customer)},
    } == order
    assert {"order": order} == await api.data(READ, id=order["id"])


async def test_an_order_with_lines_totals_them(database: Database, api: Api) -> None:
    """Lines keep their place, and sku and name come back as they were sent."""
    customer = await create_customer(database)
    lines = [
        mug(sku=" mug ", quantity=3, unitPrice=euros("0.10")),
        mug(name="Zoe\N{COMBINING DIAERESIS} ", quantity=2, unitPrice=euros("12.5")),
    ]

    payload = await create(api, customer, lines=lines, reference="SO-1", placedAt="2026-02-28T10:30:00+01:00")

    order = payload["order"]
    assert [] == payload["userErrors"]
    assert ("SO-1", "2026-02-28T09:30:00.000000Z", euros("25.3")) == (
        order["reference"],
        order["placedAt"],
        order["total"],
    )
    assert [
        {
            "position": 1,
            "sku": " mug ",
            "name": "Mug",
            "quantity": 3,
            "unitPrice": euros("0.1"),
            "total": {"amount": "0.3"},
        },
        {
            "position": 2,
            "sku": "MUG-01",
            "name": "Zoe\N{COMBINING DIAERESIS} ",
            "quantity": 2,
            "unitPrice": euros("12.5"),
            "total": {"amount": "25"},
        },
    ] == order["lines"]
    assert {"order": order} == await api.data(READ, id=order["id"])


async def test_two_hundred_lines_are_stored(database: Database, api: Api) -> None:
    """The most that an order takes, with the longest texts and the largest quantities."""
    customer = await create_customer(database)
    line = mug(sku="s" * 64, name="n" * 250, quantity=1_000_000, unitPrice=euros("0.0001"))

    payload = await create(api, customer, lines=[line] * 200, reference="r" * 64)

    assert [] == payload["userErrors"]
    assert list(range(1, 201)) == [each["position"] for each in payload["order"]["lines"]]
    assert euros("20000") == payload["order"]["total"]


async def test_an_order_needs_a_customer(database: Database, api: Api) -> None:
    """Rubbish, an order's id and an id of nobody are answered alike."""
    order = await create_order(database, await create_customer(database))
    before = await stored_rows(database)

    for sent in ("", "rubbish", global_id(order), NO_CUSTOMER):
        data = await api.data(CREATE, input={"customerId": sent, "total": euros("1")})

        assert {"order": None, "userErrors": [not_found(sent, "customerId")]} == data["createOrder"]
    assert before == await stored_rows(database)


@pytest.mark.parametrize("content", [{"total": euros("1")}, {"lines": [mug()]}], ids=["total", "lines"])
async def test_an_archived_customer_gets_no_new_orders(
    database: Database, api: Api, content: dict[str, Any]
) -> None:
    """Until it is restored."""
    customer = await create_customer(database)
    await database.write(lambda transaction: customers.archive(transaction, customer.id))
    before = await stored_rows(database)

    refused = await create(api, customer, **content)

    assert {"order": None, "userErrors": [invalid("CUSTOMER_ARCHIVED", "customerId")]} == refused
    assert before == await stored_rows(database)


@pytest.mark.parametrize("content", [{"total": euros("1")}, {"lines": [mug()]}], ids=["total", "lines"])
async def test_a_reference_is_taken_once(database: Database, api: Api, content: dict[str, Any]) -> None:
    """By whichever customer; one that differs by case is another."""
    customer, other = [await create_customer(database) for _ in range(2)]
    await create(api, customer, **content, reference="SO-1")
    before = await stored_rows(database)

    refused = await create(api, other, **content, reference="SO-1")
    unchanged = await stored_rows(database)
    accepted = await create(api, other, **content, reference="so-1")

    assert {"order": None, "userErrors": [taken("SO-1", "reference")]} == refused
    assert before == unchanged
    assert ("so-1", []) == (accepted["order"]["reference"], accepted["userErrors"])


async def test_columns_hold_exactly_what_was_sent(database: Database, api: Api) -> None:
    """Money to four places and times to the microsecond, in the tables themselves."""
    customer = await create_customer(database)

    await create(
        api, customer, lines=[mug(unitPrice=euros("0.1001"))], placedAt="2026-02-28T09:30:00.000001Z"
    )

    tables = await stored_rows(database)
    (order,), (line,) = tables["orders"], tables["order_lines"]
    assert (customer.id, None, "PENDING", Decimal("0.1001"), "EUR") == order[1:6]
    assert datetime(2026, 2, 28, 9, 30, 0, 1, UTC) == order[6]
    assert (order[0], 1, "MUG-01", "Mug", 1, Decimal("0.1001"), "EUR") == line
