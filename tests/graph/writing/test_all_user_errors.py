"""All that is wrong with an input is reported at once: its own mistakes, and what only the database knows."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from db import customers, orders
from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.table_rows import keys_of, stored_rows
from tests.two_customers import TwoCustomers

EURO, DOLLAR = {"amount": "1", "currency": "EUR"}, {"amount": "1", "currency": "USD"}
LARGE = {"amount": "99999999999", "currency": "EUR"}
UNKNOWN = {"amount": "1", "currency": "ZZZ"}
MISSING = GlobalId("Customer", 2**53).encode()
MISSING_ORDER = GlobalId("Order", 2**53).encode()


def a_line(quantity: int = 1, price: dict[str, str] = EURO) -> dict[str, Any]:
    return {"sku": "A", "name": "A", "quantity": quantity, "unitPrice": price}


BOTH = {"username": " taken ", "email": "taken@Example.com"}
TAKEN = ["email TAKEN", "username TAKEN"]
# A mutation, its input, and its user errors; a mistake of the input itself is marked by `own`.
CASES: dict[str, tuple[str, dict[str, Any], list[str], bool]] = {
    "a new customer": (mutations.CREATE_CUSTOMER, {"name": "A", **BOTH}, TAKEN, False),
    "a new customer without a name": (
        mutations.CREATE_CUSTOMER,
        {"name": "", **BOTH},
        [*TAKEN, "name REQUIRED"],
        True,
    ),
    "a new customer with half an address": (
        mutations.CREATE_CUSTOMER,
        {"name": "A", "username": "taken", "email": "x"},
        ["email INVALID_EMAIL", "username TAKEN"],
        True,
    ),
    "a changed customer": (mutations.UPDATE_CUSTOMER, {"id": "ada", **BOTH}, TAKEN, False),
    "a changed customer of another version": (
        mutations.UPDATE_CUSTOMER,
        {"id": "ada", **BOTH, "expectedVersion": 7},
        [*TAKEN, "expectedVersion VERSION_CONFLICT"],
        False,
    ),
    "a changed customer without a name": (
        mutations.UPDATE_CUSTOMER,
        {"id": "ada", "name": None, "username": "taken", "expectedVersion": 7},
        ["expectedVersion VERSION_CONFLICT", "name REQUIRED", "username TAKEN"],
        True,
    ),
    "a customer that is not there": (
        mutations.UPDATE_CUSTOMER,
        {"id": MISSING, "name": "", "username": "taken"},
        ["id NOT_FOUND", "name REQUIRED"],
        True,
    ),
    "its own values": (
        mutations.UPDATE_CUSTOMER,
        {"id": "taken", "name": "", "username": "taken"},
        ["name REQUIRED"],
        True,
    ),
    "an archived customer that is not there": (
        mutations.ARCHIVE_CUSTOMER,
        {"id": MISSING, "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "id NOT_FOUND"],
        True,
    ),
    "a deleted customer with orders": (
        mutations.DELETE_CUSTOMER,
        {"id": "ada", "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "id CUSTOMER_HAS_ORDERS"],
        True,
    ),
    "a new order of nobody": (
        mutations.CREATE_ORDER,
        {"customerId": MISSING, "reference": "SO-1", "total": EURO},
        ["customerId NOT_FOUND", "reference TAKEN"],
        False,
    ),
    "a new order of an archived customer": (
        mutations.CREATE_ORDER,
        {"customerId": "archived", "reference": "SO-1", "lines": [a_line(0), a_line(2, UNKNOWN)]},
        [
            "customerId CUSTOMER_ARCHIVED",
            "lines.0.quantity OUT_OF_RANGE",
            "lines.1.unitPrice.currency UNKNOWN_CURRENCY",
            "reference TAKEN",
        ],
        True,
    ),
    "a new order of rubbish": (
        mutations.CREATE_ORDER,
        {"customerId": "rubbish", "reference": "SO-1"},
        ["customerId NOT_FOUND", "reference TAKEN", "total TOTAL_OR_LINES"],
        True,
    ),
    "lines that do not go together": (
        mutations.CREATE_ORDER,
        {
            "customerId": "archived",
            "lines": [a_line(2, LARGE), a_line(1, DOLLAR), a_line(0), a_line(3, LARGE)],
        },
        [
            "customerId CUSTOMER_ARCHIVED",
            "lines MIXED_CURRENCIES",
            "lines.0 AMOUNT_OUT_OF_RANGE",
            "lines.2.quantity OUT_OF_RANGE",
            "lines.3 AMOUNT_OUT_OF_RANGE",
        ],
        True,
    ),
    "a changed order": (
        mutations.UPDATE_ORDER,
        {"id": "paid", "total": EURO, "reference": "SO-1"},
        ["reference TAKEN", "total NOT_EDITABLE"],
        False,
    ),
    "a changed order with lines": (
        mutations.UPDATE_ORDER,
        {"id": "lines", "total": UNKNOWN, "reference": "SO-1", "placedAt": None},
        ["placedAt REQUIRED", "reference TAKEN", "total HAS_LINES", "total.currency UNKNOWN_CURRENCY"],
        True,
    ),
    "a changed order of another version": (
        mutations.UPDATE_ORDER,
        {"id": "paid", "lines": [a_line(0)], "reference": "SO-1", "expectedVersion": 7},
        ["expectedVersion VERSION_CONFLICT", "lines.0.quantity OUT_OF_RANGE", "reference TAKEN"],
        True,
    ),
    "an order that is not there": (
        mutations.UPDATE_ORDER,
        {"id": MISSING_ORDER, "total": UNKNOWN, "reference": "SO-1"},
        ["id NOT_FOUND", "total.currency UNKNOWN_CURRENCY"],
        True,
    ),
    "a transition": (
        mutations.TRANSITION_ORDER,
        {"id": "SO-1", "to": "REFUNDED", "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "to ILLEGAL_TRANSITION"],
        True,
    ),
    "a deleted order": (
        mutations.DELETE_ORDER,
        {"id": "paid", "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "id NOT_DELETABLE"],
        True,
    ),
}


async def shop(database: Database) -> dict[str, str]:
    taken = await create_customer(database, username="taken")
    other, ada, archived = [await create_customer(database) for _ in range(3)]
    values = {"username": "other", "email": "taken@example.com"}
    await database.write(lambda transaction: customers.update(transaction, other.id, values))
    await database.write(partial(customers.archive, customer_id=archived.id))
    found = {"taken": taken, "ada": ada, "archived": archived}
    for name in ("SO-1", "paid"):
        found[name] = await create_order(database, ada, reference=name)
    found["lines"] = await create_order(database, ada, line())
    await database.write(lambda transaction: orders.transition(transaction, found["paid"].id, "PAID"))
    return {name: global_id(row) for name, row in found.items()}


def brief(payload: Any) -> list[str]:
    return sorted(f"{'.'.join(each['path'][1:])} {each['code']}" for each in payload["userErrors"])


@pytest.mark.parametrize("case", CASES)
async def test_every_mistake_is_reported(database: Database, api: Api, case: str) -> None:
    """Nothing is written, and a list with a mistake of the input itself is not stored under the key."""
    document, fields, expected, own = CASES[case]
    ids = await shop(database)
    sent = {
        **fields,
        **{name: ids.get(fields[name], fields[name]) for name in ("id", "customerId") if name in fields},
    }
    before = await stored_rows(database)

    payload = await run(api, document, **sent, idempotencyKey="key")
    keys = await keys_of(database)
    again = await run(api, document, **sent, idempotencyKey="key")
    rehearsed = await run(api, document, **sent, dryRun=True)

    assert sorted(expected) == brief(payload)
    assert ([] if own else ["key"]) == [row[1] for row in keys]
    assert payload == again
    assert sorted(expected) == brief(rehearsed)
    assert before == await stored_rows(database)


async def test_a_corrected_retry_takes_the_same_key(database: Database, api: Api) -> None:
    """After a mixed list; after a list of the database alone it is another input."""
    await shop(database)
    mixed = await run(api, mutations.CREATE_CUSTOMER, username="taken", name="", idempotencyKey="key")
    corrected = await run(api, mutations.CREATE_CUSTOMER, username="new", name="New", idempotencyKey="key")

    assert ["name REQUIRED", "username TAKEN"] == brief(mixed)
    assert ("new", []) == (corrected["customer"]["username"], corrected["userErrors"])


@pytest.fixture
async def bound(two: TwoCustomers, database: Database) -> AsyncIterator[Api]:
    """Asks with all scopes, and a key that is bound to Ada."""
    secret = await create_key(database, "admin", customer_id=two.ada.id)
    async with Api.of(database, auth="keys") as api:
        api.client.headers.update(bearer(secret))
        yield api


async def test_a_bound_key_learns_nothing_of_others(two: TwoCustomers, bound: Api) -> None:
    """Mistakes of its own input do not open another way to ask whether others' rows are there."""
    bob, order = global_id(two.bob), global_id(two.bobs[0])
    created = await run(bound, mutations.CREATE_CUSTOMER, username="bob", name="")
    changed = await run(bound, mutations.UPDATE_CUSTOMER, id=bob, name="", expectedVersion=7)
    placed = await run(bound, mutations.CREATE_ORDER, customerId=bob)
    moved = await run(bound, mutations.TRANSITION_ORDER, id=order, to="REFUNDED", expectedVersion=0)

    assert ["name REQUIRED"] == brief(created)
    assert ["id NOT_FOUND", "name REQUIRED"] == brief(changed)
    assert ["customerId NOT_FOUND", "total TOTAL_OR_LINES"] == brief(placed)
    assert ["expectedVersion OUT_OF_RANGE", "id NOT_FOUND"] == brief(moved)
