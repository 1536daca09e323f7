"""Batches: a result for each item, in order, and what is read by the ids of new rows."""

from typing import Any

import pytest

from db.engine.database import Database
from db.maintenance import data_checks
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.user_errors import invalid
from tests.table_rows import keys_of, orders_of, stored_rows

EDGES = """
mutation ($input: UpsertOrdersInput!) {
  upsertOrders(input: $input) {
    results { order { id reference customer { username } lines { sku } history { nodes { version } } } }
  }
}
"""
SEARCH = "query ($text: String!) { customers(search: $text) { nodes { username } } }"
EURO = {"amount": "1", "currency": "EUR"}


def a_line(sku: str, price: str = "1", quantity: int = 1) -> dict[str, Any]:
    return {"sku": sku, "name": sku, "quantity": quantity, "unitPrice": {"amount": price, "currency": "EUR"}}


@pytest.mark.parametrize("mode", ["ALL_OR_NOTHING", "EACH"])
async def test_customers_are_created_changed_and_kept(database: Database, api: Api, mode: str) -> None:
    """Each says what was done with it; an address that is left out is kept, null clears it."""
    for name in ("same", "changed", "cleared"):
        await create_customer(database, username=name, name="Old", email=f"{name}@example.com")
    items: list[dict[str, Any]] = [
        {"username": " new ", "name": "New"},
        {"username": "same", "name": "Old"},
        {"username": "changed", "name": "New", "expectedVersion": 1},
        {"username": "cleared", "name": "Old", "email": None},
        {"username": "other", "name": "Other", "email": "other@EXAMPLE.com"},
    ]

    payload = await run(api, mutations.UPSERT_CUSTOMERS, items=items, mode=mode)

    assert [] == payload["userErrors"]
    shown = [(each["outcome"], each["customer"]) for each in payload["results"]]
    assert [
        ("CREATED", "new", "New", None, 1),
        ("UNCHANGED", "same", "Old", "same@example.com", 1),
        ("UPDATED", "changed", "New", "changed@example.com", 2),
        ("UPDATED", "cleared", "Old", None, 2),
        ("CREATED", "other", "Other", "other@EXAMPLE.com", 1),
    ] == [(done, row["username"], row["name"], row["email"], row["version"]) for done, row in shown]


async def test_words_follow_an_upsert(api: Api) -> None:
    """New names are found at once, the old ones no more."""
    for name in ("Lovelace", "Hopper"):
        items = [{"username": f"u{number}", "name": f"{name}{number}"} for number in range(3)]
        await run(api, mutations.UPSERT_CUSTOMERS, items=items)

    found = [
        [each["username"] for each in (await api.data(SEARCH, text=text))["customers"]["nodes"]]
        for text in ("lovelace1", "hopper1")
    ]
    assert [[], ["u1"]] == found


async def test_an_address_that_an_earlier_item_has_is_taken(database: Database, api: Api) -> None:
    """Also the one that the earlier item gives up: the rows are as they were before the batch."""
    await create_customer(database, username="ada", email="old@example.com")
    items = [
        {"username": "ada", "name": "Ada", "email": "new@example.com"},
        {"username": "b", "name": "B", "email": "new@example.com"},
        {"username": "c", "name": "C", "email": "old@example.com"},
    ]

    results = (await run(api, mutations.UPSERT_CUSTOMERS, items=items, mode="EACH"))["results"]

    assert [[], ["new@example.com"], ["old@example.com"]] == [
        [error["value"] for error in result["userErrors"]] for result in results
    ]


@pytest.mark.parametrize("mode", ["ALL_OR_NOTHING", "EACH"])
async def test_orders_are_created_changed_and_kept(database: Database, api: Api, mode: str) -> None:
    """Totals are those of the lines, also where an order had a total alone before."""
    customer = await create_customer(database)
    await create_order(database, customer, line("A"), reference="same")
    await create_order(database, customer, line("A"), reference="lines")
    await create_order(database, customer, reference="total")
    await create_order(database, customer, reference="both")
    same = [{**a_line("A", "12.50"), "name": "Article A"}]
    items: list[dict[str, Any]] = [
        {"reference": "new", "lines": [a_line("A", "0.1", 3), a_line("B")]},
        {"reference": "same", "lines": same},
        {"reference": "lines", "lines": [*same, a_line("B", "2")]},
        {"reference": "total", "total": {"amount": "7.00", "currency": "USD"}},
        {"reference": "both", "lines": [a_line("C", "5", 2)]},
    ]

    sent = [{"customerId": global_id(customer), **item} for item in items]
    payload = await run(api, mutations.UPSERT_ORDERS, items=sent, mode=mode)

    assert [] == payload["userErrors"]
    shown = [(each["outcome"], each["order"]) for each in payload["results"]]
    assert [
        ("CREATED", "new", "1.3", 1, ["A", "B"]),
        ("UNCHANGED", "same", "12.5", 1, ["A"]),
        ("UPDATED", "lines", "14.5", 2, ["A", "B"]),
        ("UPDATED", "total", "7", 2, []),
        ("UPDATED", "both", "10", 2, ["C"]),
    ] == [
        (
            done,
            row["reference"],
            row["total"]["amount"],
            row["version"],
            [each["sku"] for each in row["lines"]],
        )
        for done, row in shown
    ]
    assert [] == (await data_checks.check_order_totals(database)).wrong


async def test_new_orders_have_their_own_edges(database: Database, api: Api) -> None:
    """200 of them, for two customers and mixed with stored ones: no id is another's."""
    owners = [await create_customer(database, username=f"owner {place}") for place in range(2)]
    for place in range(0, 200, 7):
        await create_order(database, owners[place % 2], line("OLD"), reference=f"SO-{place}")
    items = [
        {
            "customerId": global_id(owners[place % 2]),
            "reference": f"SO-{place}",
            "lines": [a_line(f"SKU-{place}")],
        }
        for place in range(200)
    ]

    results = (await api.data(EDGES, input={"items": items}))["upsertOrders"]["results"]

    expected = [
        (f"SO-{place}", f"owner {place % 2}", [f"SKU-{place}"], 1 if place % 7 else 2) for place in range(200)
    ]
    assert expected == [
        (
            order["reference"],
            order["customer"]["username"],
            [each["sku"] for each in order["lines"]],
            order["history"]["nodes"][0]["version"],
        )
        for order in (result["order"] for result in results)
    ]
    stored_ids = {global_id(row): row.reference for row in await orders_of(database)}
    assert stored_ids == {result["order"]["id"]: result["order"]["reference"] for result in results}


TOO_MANY: dict[str, tuple[str, str, list[Any]]] = {
    "no customers": (mutations.UPSERT_CUSTOMERS, "REQUIRED", []),
    "no orders": (mutations.CREATE_ORDERS, "REQUIRED", []),
    "no upserts": (mutations.UPSERT_ORDERS, "REQUIRED", []),
    "no transitions": (mutations.TRANSITION_ORDERS, "REQUIRED", []),
    "201 customers": (
        mutations.UPSERT_CUSTOMERS,
        "TOO_LONG",
        [{"username": f"u{place}", "name": "A"} for place in range(201)],
    ),
    "201 orders": (mutations.CREATE_ORDERS, "TOO_LONG", [{"total": EURO}] * 201),
    "201 transitions": (mutations.TRANSITION_ORDERS, "TOO_LONG", [{"id": "x", "to": "PAID"}] * 201),
    "1,001 lines": (
        mutations.CREATE_ORDERS,
        "TOO_LONG",
        [*[{"lines": [a_line("A")] * 200}] * 5, {"lines": [a_line("A")]}],
    ),
}


@on_sqlite
@pytest.mark.parametrize("mode", ["ALL_OR_NOTHING", "EACH"])
@pytest.mark.parametrize("case", TOO_MANY)
async def test_a_batch_has_bounds(database: Database, api: Api, case: str, mode: str) -> None:
    """The batch itself is refused, in either mode, and no key is used up."""
    mutation, code, items = TOO_MANY[case]
    owner = global_id(await create_customer(database))
    before = await stored_rows(database)
    orders = mutation == mutations.CREATE_ORDERS
    sent = [{"customerId": owner, **item} if orders else item for item in items]

    payload = await run(api, mutation, items=sent, mode=mode, idempotencyKey="a key")

    assert {"results": [], "userErrors": [invalid(code, "items")]} == payload
    assert before == await stored_rows(database)
    assert [] == await keys_of(database)


async def test_a_thousand_lines_are_not_too_many(database: Database, api: Api) -> None:
    """5 orders of 200 lines."""
    owner = global_id(await create_customer(database))
    items = [{"customerId": owner, "lines": [a_line("A")] * 200}] * 5

    payload = await run(api, mutations.CREATE_ORDERS, items=items)

    assert ["200"] * 5 == [result["order"]["total"]["amount"] for result in payload["results"]]
