"""Mistakes in items of batches: each at its item, and none spoils another."""

from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import customers, orders
from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.table_rows import stored_rows

EURO, DOLLAR = {"amount": "1", "currency": "EUR"}, {"amount": "1", "currency": "USD"}
LARGEST = {"amount": "99999999999.9999", "currency": "EUR"}


def a_line(quantity: int = 1, price: dict[str, str] = EURO) -> dict[str, Any]:
    return {"sku": "A", "name": "A", "quantity": quantity, "unitPrice": price}


# By mutation: a mistake's code, the field that it is at, and what the item has instead of what is right.
CUSTOMERS: list[tuple[str, str, dict[str, Any]]] = [
    ("REQUIRED", "username", {"username": " "}),
    ("TOO_LONG", "name", {"name": "a" * 251}),
    ("INVALID_EMAIL", "email", {"email": "nobody"}),
    ("OUT_OF_RANGE", "expectedVersion", {"expectedVersion": 0}),
    ("TAKEN", "email", {"email": "stored@example.com"}),
    ("VERSION_CONFLICT", "expectedVersion", {"username": "stored", "expectedVersion": 7}),
]
CREATED: list[tuple[str, str, dict[str, Any]]] = [
    ("NOT_FOUND", "customerId", {"customerId": GlobalId("Customer", 2**53).encode()}),
    ("NOT_FOUND", "customerId", {"customerId": "rubbish"}),
    ("CUSTOMER_ARCHIVED", "customerId", {"customerId": "archived"}),
    ("UNKNOWN_CURRENCY", "total.currency", {"total": {"amount": "1", "currency": "ZZZ"}}),
    ("AMOUNT_OUT_OF_RANGE", "total.amount", {"total": {"amount": "-1", "currency": "EUR"}}),
    ("TOTAL_OR_LINES", "total", {"total": None}),
    ("TOTAL_OR_LINES", "total", {"lines": [a_line()]}),
    ("REQUIRED", "lines", {"total": None, "lines": []}),
    ("TOO_LONG", "lines", {"total": None, "lines": [a_line()] * 201}),
    ("OUT_OF_RANGE", "lines.0.quantity", {"total": None, "lines": [a_line(0)]}),
    ("MIXED_CURRENCIES", "lines", {"total": None, "lines": [a_line(), a_line(price=DOLLAR)]}),
    ("AMOUNT_OUT_OF_RANGE", "lines", {"total": None, "lines": [a_line(1, LARGEST), a_line()]}),
    ("TOO_LONG", "reference", {"reference": "a" * 65}),
]
UPSERTED = [
    *CREATED,
    ("OTHER_CUSTOMER", "customerId", {"reference": "SO-1", "customerId": "other"}),
    ("NOT_EDITABLE", "total", {"reference": "paid"}),
    ("NOT_EDITABLE", "lines", {"reference": "paid", "total": None, "lines": [a_line(3)]}),
    ("HAS_LINES", "total", {"reference": "lines"}),
    ("VERSION_CONFLICT", "expectedVersion", {"reference": "SO-1", "expectedVersion": 7}),
]
MOVED: list[tuple[str, str, dict[str, Any]]] = [
    ("NOT_FOUND", "id", {"id": GlobalId("Order", 2**53).encode()}),
    ("NOT_FOUND", "id", {"id": "customer"}),
    ("ILLEGAL_TRANSITION", "to", {"id": "SO-1", "to": "REFUNDED"}),
    ("VERSION_CONFLICT", "expectedVersion", {"id": "SO-1", "expectedVersion": 7}),
    ("OUT_OF_RANGE", "expectedVersion", {"expectedVersion": -1}),
]
MISTAKES = {
    "upsertCustomers": (mutations.UPSERT_CUSTOMERS, CUSTOMERS),
    "createOrders": (mutations.CREATE_ORDERS, [*CREATED, ("TAKEN", "reference", {"reference": "SO-1"})]),
    "upsertOrders": (mutations.UPSERT_ORDERS, UPSERTED),
    "transitionOrders": (mutations.TRANSITION_ORDERS, MOVED),
}


async def shop(database: Database) -> dict[str, str]:
    """What mistakes are about, and twelve orders that can be moved: ids by name."""
    customer = await create_customer(database, username="stored", email="stored@example.com")
    other = await create_customer(database)
    archived = await create_customer(database)
    await database.write(partial(customers.archive, customer_id=archived.id))
    found = {"customer": customer, "other": other, "archived": archived}
    rows = {
        name: await create_order(database, customer, *([line()] if name == "lines" else []), reference=name)
        for name in ("SO-1", "paid", "lines", *(f"move {place}" for place in range(12)))
    }
    await database.write(partial(orders.transition, order_id=rows["paid"].id, to="PAID"))
    return {name: global_id(row) for name, row in {**found, **rows}.items()}


def right(name: str, place: int) -> dict[str, Any]:
    """An item without a mistake."""
    match name:
        case "upsertCustomers":
            return {"username": f"new {place}", "name": f"New {place}", "email": f"{place}@example.com"}
        case "transitionOrders":
            return {"id": f"move {place}", "to": "PAID"}
    return {"customerId": "customer", "total": EURO, "reference": f"new {place}"}


def sent(ids: dict[str, str], items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    named = ("id", "customerId")
    return [
        {field: ids.get(value, value) if field in named else value for field, value in item.items()}
        for item in items
    ]


def at(place: int, field: str) -> list[str]:
    return ["input", "items", str(place), *field.split(".")]


@pytest.mark.parametrize("name", MISTAKES)
async def test_a_mistake_is_at_its_item(database: Database, api: Api, name: str) -> None:
    """ALL_OR_NOTHING stores nothing, EACH the items around it: here it is only rehearsed."""
    ids = await shop(database)
    document, mistakes = MISTAKES[name]
    before = await stored_rows(database)
    for code, field, wrong in mistakes:
        items = sent(ids, [right(name, 0), right(name, 1) | wrong, right(name, 2)])

        nothing = await run(api, document, items=items, mode="ALL_OR_NOTHING")
        each = await run(api, document, items=items, mode="EACH", dryRun=True)

        assert [(code, at(1, field))] == [(error["code"], error["path"]) for error in nothing["userErrors"]]
        assert [None, None, None] == [result["outcome"] for result in nothing["results"]]
        done = "UPDATED" if name == "transitionOrders" else "CREATED"
        assert [done, None, done] == [result["outcome"] for result in each["results"]]
        assert nothing["userErrors"] == each["userErrors"] == each["results"][1]["userErrors"]
    assert before == await stored_rows(database)


@pytest.mark.parametrize("name", MISTAKES)
async def test_items_without_mistakes_are_stored(database: Database, api: Api, name: str) -> None:
    """Among all mistakes that there are, as if they were alone."""
    ids = await shop(database)
    document, mistakes = MISTAKES[name]
    wrong = [right(name, 3) | each[2] for each in mistakes]
    items = sent(ids, [right(name, 0), *wrong, right(name, 1)])
    before = await stored_rows(database)

    payload = await run(api, document, items=items, mode="EACH")

    after = await stored_rows(database)
    table = "customers" if name == "upsertCustomers" else "orders"
    assert 2 == len([row for row in after[table] if row not in before[table]])
    assert 2 == len([row for row in after["history"] if row not in before["history"]])
    assert [True, *([False] * len(wrong)), True] == [bool(each["outcome"]) for each in payload["results"]]


@pytest.fixture
async def ids(database: Database) -> dict[str, str]:
    return await shop(database)


@pytest.mark.parametrize("name", MISTAKES)
@given(data=st.data())
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_no_mistake_spoils_another_item(
    ids: dict[str, str], api: Api, name: str, data: st.DataObject
) -> None:
    """Whatever the mixture: each item has its own mistake and no other, and the right ones are done."""
    document, mistakes = MISTAKES[name]
    mixture = data.draw(st.lists(st.none() | st.sampled_from(mistakes), min_size=1, max_size=12))
    items = [right(name, place) | (each[2] if each else {}) for place, each in enumerate(mixture)]

    payload = await run(api, document, items=sent(ids, items), mode="EACH", dryRun=True)

    for place, (each, result) in enumerate(zip(mixture, payload["results"], strict=True)):
        expected = [(each[0], at(place, each[1]))] if each else []
        assert expected == [(error["code"], error["path"]) for error in result["userErrors"]]
        assert bool(each) == (result["outcome"] is None)


@pytest.mark.parametrize("name", MISTAKES)
@pytest.mark.parametrize("wrong", [False, True], ids=["after a right one", "after a wrong one"])
async def test_only_what_is_stored_makes_a_repetition(
    database: Database, api: Api, name: str, wrong: bool
) -> None:
    """A second item of the same natural key is refused, unless the first one was."""
    ids = await shop(database)
    mistake = {"transitionOrders": {"to": "REFUNDED"}, "upsertCustomers": {"email": "stored@example.com"}}
    first = right(name, 0) | (mistake.get(name, {"customerId": "archived"}) if wrong else {})
    items = sent(ids, [first, right(name, 0)])

    payload = await run(api, MISTAKES[name][0], items=items, mode="EACH")

    field = {"transitionOrders": "id", "upsertCustomers": "username"}.get(name, "reference")
    repeated = [] if wrong else [("REPEATED", at(1, field))]
    assert repeated == [(each["code"], each["path"]) for each in payload["results"][1]["userErrors"]]
    assert bool(wrong) == (payload["results"][0]["outcome"] is None)
