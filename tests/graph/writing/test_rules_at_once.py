"""Rules hold when requests meet: one of two is carried out, and the other learns why it was not."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from db.audit import audit_log
from db.engine.database import Database
from db.maintenance import data_checks
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing.mutations import (
    ARCHIVE_CUSTOMER,
    CREATE_ORDER,
    TRANSITION_ORDER,
    TRANSITION_ORDERS,
    UPDATE_CUSTOMER,
    UPDATE_ORDER,
    run,
)
from tests.graph.writing.user_errors import illegal_transition, invalid
from tests.table_rows import changes_of, orders_of

ROUNDS = 4
EURO = {"amount": "1", "currency": "EUR"}
ALLOWED = {"PAID": ["FULFILLED", "REFUNDED"], "CANCELLED": []}


async def test_of_two_transitions_one_wins(database: Database, api: Api) -> None:
    """The other is told where the order stands by then; one change is in its history."""
    customer = await create_customer(database)
    for _ in range(ROUNDS):
        order = await create_order(database, customer)
        sent = {to: run(api, TRANSITION_ORDER, id=global_id(order), to=to) for to in ALLOWED}
        payloads = dict(zip(sent, await asyncio.gather(*sent.values()), strict=True))

        (winner,) = [to for to, payload in payloads.items() if payload["order"]]
        (loser,) = ALLOWED.keys() - {winner}
        assert [illegal_transition(winner, ALLOWED[winner])] == payloads[loser]["userErrors"]
        assert (winner, 2) == (payloads[winner]["order"]["status"], payloads[winner]["order"]["version"])
        assert [1, 2] == [change.version for change in await changes_of(database, order)]


async def test_two_batches_move_an_order_once(database: Database, api: Api) -> None:
    """Whatever the order in which they name their items."""
    customer = await create_customer(database)
    rows = [await create_order(database, customer) for _ in range(6)]
    items = [{"id": global_id(row), "to": "PAID"} for row in rows]

    payloads = await asyncio.gather(
        *(run(api, TRANSITION_ORDERS, items=each, mode="EACH") for each in (items, items[::-1]))
    )

    moved = [bool(each["order"]) for payload in payloads for each in payload["results"]]
    assert 6 == sum(moved)
    assert [("PAID", 2)] * 6 == [(row.status, row.version) for row in await orders_of(database)]


async def test_of_two_changes_of_one_version_one_wins(database: Database, api: Api) -> None:
    """The other is told what the first one did."""
    for _ in range(ROUNDS):
        customer = await create_customer(database, name="Old")
        sent = {"id": global_id(customer), "expectedVersion": 1}
        payloads = await asyncio.gather(*(run(api, UPDATE_CUSTOMER, name=name, **sent) for name in "AB"))

        (winner,) = [payload["customer"] for payload in payloads if payload["customer"]]
        (problem,) = [error for payload in payloads for error in payload["userErrors"]]
        (change,) = problem["changes"]
        assert ("VERSION_CONFLICT", 2) == (problem["code"], problem["current"]["version"])
        assert [{"field": "name", "before": "Old", "after": winner["name"]}] == change["fields"]


async def test_an_order_and_the_archive_at_once(database: Database, api: Api) -> None:
    """The order is there, placed before the customer was archived, or it was refused."""
    for _ in range(ROUNDS):
        customer = await create_customer(database)
        created, archived = await asyncio.gather(
            run(api, CREATE_ORDER, customerId=global_id(customer), total=EURO),
            run(api, ARCHIVE_CUSTOMER, id=global_id(customer)),
        )

        assert [] == archived["userErrors"]
        found = [row for row in await orders_of(database) if row.customer_id == customer.id]
        if created["order"]:
            (order,) = found
            assert order.created_at < datetime.now(UTC)
        else:
            assert ([invalid("CUSTOMER_ARCHIVED", "customerId")], []) == (created["userErrors"], found)


async def test_a_paid_order_is_never_changed(database: Database, api: Api) -> None:
    """New lines and PAID at once: the lines came first, or they were refused."""
    customer = await create_customer(database)
    price: dict[str, Any] = {"amount": "3", "currency": "EUR"}
    lines = [{"sku": "B", "name": "B", "quantity": 2, "unitPrice": price}]
    for _ in range(ROUNDS):
        order = await create_order(database, customer, line("A"))
        changed, paid = await asyncio.gather(
            run(api, UPDATE_ORDER, id=global_id(order), lines=lines),
            run(api, TRANSITION_ORDER, id=global_id(order), to="PAID"),
        )

        first = list(audit_log.changed_fields((await changes_of(database, order))[1]))
        if changed["order"]:
            assert ["total", "lines"] == first
            assert ("PENDING", 2, 3) == (
                changed["order"]["status"],
                changed["order"]["version"],
                paid["order"]["version"],
            )
        else:
            assert ["status"] == first
            assert [invalid("NOT_EDITABLE", "lines")] == changed["userErrors"]
            assert ("PAID", 2) == (paid["order"]["status"], paid["order"]["version"])

    assert [] == (await data_checks.check_order_totals(database)).wrong
