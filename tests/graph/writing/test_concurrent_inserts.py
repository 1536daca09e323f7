"""Changes that had to wait for another's lock go by what is there then, not by what was when they began."""

from functools import partial
from typing import Any

from db import customers, orders
from db.engine.database import Database
from db.maintenance import data_checks
from tests.api import Api
from tests.conftest import on_tidb
from tests.factories import TEN_EUROS, create_customer, create_order, global_id, line
from tests.graph.writing.mutations import (
    DELETE_ORDER,
    ERASE_CUSTOMER,
    UPDATE_CUSTOMER,
    UPDATE_ORDER,
    UPSERT_ORDERS,
    run,
)
from tests.graph.writing.user_errors import invalid
from tests.open_transaction import overtaken
from tests.table_rows import changes_of, orders_of, stored_rows

LINES = [{"sku": "A", "name": "Article A", "quantity": 1, "unitPrice": {"amount": "12.5", "currency": "EUR"}}]


@on_tidb
async def test_lines_that_are_back_are_written_again(database: Database, api: Api) -> None:
    """They were the order's lines when the request began, and others when it got the lock."""
    order = await create_order(database, await create_customer(database), line("A"))
    others = partial(orders.update, order_id=order.id, values={}, lines=[line("B", price="1")])

    payload = await overtaken(
        database, others, lambda: run(api, UPDATE_ORDER, id=global_id(order), lines=LINES)
    )

    assert (["A"], "12.5", 3, []) == (
        [each["sku"] for each in payload["order"]["lines"]],
        payload["order"]["total"]["amount"],
        payload["order"]["version"],
        payload["userErrors"],
    )
    assert [] == (await data_checks.check_order_totals(database)).wrong


@on_tidb
async def test_a_total_is_not_written_past_new_lines(database: Database, api: Api) -> None:
    """The order had none when the request began."""
    order = await create_order(database, await create_customer(database))
    lines = partial(orders.update, order_id=order.id, values={}, lines=[line("B", price="1")])
    total = {"amount": "2", "currency": "EUR"}

    payload = await overtaken(
        database, lines, lambda: run(api, UPDATE_ORDER, id=global_id(order), total=total)
    )

    assert [invalid("HAS_LINES", "total")] == payload["userErrors"]
    assert [] == (await data_checks.check_order_totals(database)).wrong


@on_tidb
async def test_an_order_is_deleted_with_lines_that_came_last(database: Database, api: Api) -> None:
    """The order had none when the request began."""
    order = await create_order(database, await create_customer(database))
    lines = partial(orders.update, order_id=order.id, values={}, lines=[line("B")])

    payload = await overtaken(database, lines, lambda: run(api, DELETE_ORDER, id=global_id(order)))

    assert {"deletedId": global_id(order), "userErrors": []} == payload


@on_tidb
async def test_a_version_conflict_tells_the_change_that_it_waited_for(database: Database, api: Api) -> None:
    """It was not committed when the request began."""
    customer = await create_customer(database, name="Old")
    rename = partial(customers.update, customer_id=customer.id, values={"name": "New"})
    sent: dict[str, Any] = {"id": global_id(customer), "name": "Newer", "expectedVersion": 1}

    payload = await overtaken(database, rename, lambda: run(api, UPDATE_CUSTOMER, **sent))

    (problem,) = payload["userErrors"]
    assert [{"version": 2, "fields": [{"field": "name", "before": "Old", "after": "New"}]}] == [
        {"version": each["version"], "fields": each["fields"]} for each in problem["changes"]
    ]


@on_tidb
async def test_an_upsert_changes_the_order_that_came_first(database: Database, api: Api) -> None:
    """There was none of its reference when the batch looked: it looks again, and overwrites nothing."""
    customer = await create_customer(database)
    values = {"customer_id": customer.id, "reference": "SO-1"}
    first = partial(orders.insert, values=values, total=TEN_EUROS, lines=())
    items = [{"customerId": global_id(customer), "reference": "SO-1", "lines": LINES}]

    payload = await overtaken(database, first, lambda: run(api, UPSERT_ORDERS, items=items))

    (result,) = payload["results"]
    (order,) = await orders_of(database)
    assert ("UPDATED", 2, "12.5") == (
        result["outcome"],
        result["order"]["version"],
        result["order"]["total"]["amount"],
    )
    assert global_id(order) == result["order"]["id"]
    assert [1, 2] == [change.version for change in await changes_of(database, order)]


@on_tidb
async def test_a_history_is_erased_with_the_change_that_was_waited_for(database: Database, api: Api) -> None:
    """The name was not there yet when the request began."""
    customer = await create_customer(database)
    rename = partial(customers.update, customer_id=customer.id, values={"name": "Augusta"})

    payload = await overtaken(database, rename, lambda: run(api, ERASE_CUSTOMER, id=global_id(customer)))

    assert 3 == payload["customer"]["version"]
    assert not [
        row for rows in (await stored_rows(database)).values() for row in rows if "Augusta" in str(row)
    ]
