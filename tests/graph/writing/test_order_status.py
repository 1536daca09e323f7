"""An order's status: where it can go, and what it forbids."""

from functools import partial
from typing import Any

import pytest

from db import orders
from db.engine.database import Database
from db.models import Order
from db.orders import TRANSITIONS
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing.user_errors import PROBLEM, illegal_transition, invalid, not_found
from tests.table_rows import stored_rows

TRANSITION = (
    "mutation ($input: TransitionOrderInput!) { transitionOrder(input: $input) {"
    " order { status version createdAt updatedAt allowedTransitions } userErrors { ...Problem } } }" + PROBLEM
)
UPDATE = (
    "mutation ($input: UpdateOrderInput!) { updateOrder(input: $input) {"
    " order { reference version } userErrors { ...Problem } } }" + PROBLEM
)
DELETE = (
    "mutation ($input: DeleteOrderInput!) {"
    " deleteOrder(input: $input) { deletedId userErrors { ...Problem } } }" + PROBLEM
)
ALLOWED = {
    "PENDING": ["PAID", "CANCELLED"],
    "PAID": ["FULFILLED", "REFUNDED"],
    "FULFILLED": ["REFUNDED"],
    "CANCELLED": [],
    "REFUNDED": [],
}
ROADS = {
    "PENDING": [],
    "PAID": ["PAID"],
    "FULFILLED": ["PAID", "FULFILLED"],
    "CANCELLED": ["CANCELLED"],
    "REFUNDED": ["PAID", "REFUNDED"],
}
NO_ORDER = GlobalId("Order", 2**53).encode()


async def order_that_is(database: Database, status: str, *lines: Any) -> Order:
    """An order that came to a status by its road."""
    order = await create_order(database, await create_customer(database), *lines)
    for step in ROADS[status]:
        order = await database.write(partial(orders.transition, order_id=order.id, to=step))
    return order


async def run(api: Api, mutation: str, order: Order, **input: Any) -> Any:
    (payload,) = (await api.data(mutation, input={"id": global_id(order), **input})).values()
    return payload


@pytest.mark.parametrize("status", ALLOWED)
async def test_a_status_leads_where_the_product_says(database: Database, api: Api, status: str) -> None:
    """Every one of the five is tried: the allowed are done, the others told where to go instead."""
    for to in ALLOWED:
        order = await order_that_is(database, status)
        payload = await run(api, TRANSITION, order, to=to)

        if to in ALLOWED[status]:
            shown = payload["order"]
            assert [] == payload["userErrors"]
            assert (to, order.version + 1, ALLOWED[to]) == (
                shown["status"],
                shown["version"],
                shown["allowedTransitions"],
            )
            assert shown["createdAt"] < shown["updatedAt"]
        else:
            problem = illegal_transition(status, ALLOWED[status])
            assert {"order": None, "userErrors": [problem]} == payload


async def test_a_refused_transition_changes_nothing(database: Database, api: Api) -> None:
    """Neither the status nor the version."""
    order = await order_that_is(database, "PENDING")
    before = await stored_rows(database)

    payload = await run(api, TRANSITION, order, to="REFUNDED")

    assert [illegal_transition("PENDING", ["PAID", "CANCELLED"])] == payload["userErrors"]
    assert before == await stored_rows(database)


def test_the_tables_of_the_code_and_of_the_product_agree() -> None:
    """`allowedTransitions` and transitionOrder go by one table."""
    assert ALLOWED == {status: list(allowed) for status, allowed in TRANSITIONS.items()}


@pytest.mark.parametrize("status", ["PAID", "FULFILLED", "CANCELLED", "REFUNDED"])
async def test_lines_and_total_change_only_while_pending(database: Database, api: Api, status: str) -> None:
    """The other fields do at any time."""
    order = await order_that_is(database, status, line())
    price = {"amount": "1", "currency": "EUR"}
    lines = [{"sku": "A", "name": "A", "quantity": 1, "unitPrice": price}]
    before = await stored_rows(database)

    refused = [
        await run(api, UPDATE, order, lines=lines, reference="SO-1"),
        await run(api, UPDATE, order, total=price, reference="SO-1"),
    ]
    unchanged = await stored_rows(database)
    accepted = await run(api, UPDATE, order, reference="SO-1")

    assert [
        {"order": None, "userErrors": [invalid("NOT_EDITABLE", "lines")]},
        {"order": None, "userErrors": [invalid("NOT_EDITABLE", "total")]},
    ] == refused
    assert before == unchanged
    assert {
        "order": {"reference": "SO-1", "version": order.version + 1},
        "userErrors": [],
    } == accepted


@pytest.mark.parametrize("status", ["PENDING", "CANCELLED"])
async def test_an_order_is_deleted_with_its_lines(database: Database, api: Api, status: str) -> None:
    """The payload holds the id that was; the customer and the other orders stay."""
    order = await order_that_is(database, status, line(), line())
    other = await order_that_is(database, "PENDING", line())

    payloads = [await run(api, DELETE, order) for _ in range(2)]

    assert [
        {"deletedId": global_id(order), "userErrors": []},
        {"deletedId": None, "userErrors": [not_found(global_id(order), "id")]},
    ] == payloads
    after = await stored_rows(database)
    assert [other] == after["orders"]
    assert [other.id] == [row[0] for row in after["order_lines"]]
    assert 2 == len(after["customers"])


@pytest.mark.parametrize("status", ["PAID", "FULFILLED", "REFUNDED"])
async def test_an_order_that_was_paid_is_not_deleted(database: Database, api: Api, status: str) -> None:
    """It stays as it is."""
    order = await order_that_is(database, status, line())
    before = await stored_rows(database)

    payload = await run(api, DELETE, order)

    assert {"deletedId": None, "userErrors": [invalid("NOT_DELETABLE", "id")]} == payload
    assert before == await stored_rows(database)


@pytest.mark.parametrize(
    ("mutation", "more"), [(TRANSITION, {"to": "PAID"}), (DELETE, {})], ids=["transition", "delete"]
)
async def test_an_id_of_no_order_is_not_found(
    database: Database, api: Api, mutation: str, more: dict[str, str]
) -> None:
    """Rubbish, a customer's id and an id of nothing are answered alike."""
    order = await order_that_is(database, "PENDING")
    before = await stored_rows(database)

    for sent in ("", "rubbish", GlobalId("Customer", order.customer_id).encode(), NO_ORDER):
        (payload,) = (await api.data(mutation, input={"id": sent, **more})).values()

        assert [not_found(sent, "id")] == payload["userErrors"]
    assert before == await stored_rows(database)
