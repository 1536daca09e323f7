"""Bad input to single mutations: each mistake has its typed error, and nothing is stored, nor the key."""

from functools import partial
from typing import Any

import pytest

from db import customers, orders
from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.user_errors import Problem, invalid, not_found
from tests.table_rows import keys_of, stored_rows

EURO = {"amount": "1", "currency": "EUR"}


def a_line(**wrong: Any) -> dict[str, Any]:
    return {"sku": "A", "name": "A", "quantity": 1, "unitPrice": EURO} | wrong


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    return {"amount": amount, "currency": currency}


TOTAL_OR_LINES, ONE_LINE = invalid("TOTAL_OR_LINES", "total"), {"lines": [a_line()]}
# What createOrder and updateOrder refuse alike, whatever the database holds.
CONTENTS: dict[str, tuple[dict[str, Any], list[Problem]]] = {
    "lines and total both": ({"total": EURO, **ONE_LINE}, [TOTAL_OR_LINES]),
    "no line": ({"lines": []}, [invalid("REQUIRED", "lines")]),
    "201 lines": ({"lines": [a_line()] * 201}, [invalid("TOO_LONG", "lines")]),
    "a quantity of 0": (
        {"lines": [a_line(), a_line(quantity=0)]},
        [invalid("OUT_OF_RANGE", "lines", "1", "quantity")],
    ),
    "a quantity below 0": (
        {"lines": [a_line(quantity=-1)]},
        [invalid("OUT_OF_RANGE", "lines", "0", "quantity")],
    ),
    "a quantity past the range": (
        {"lines": [a_line(quantity=1_000_001)]},
        [invalid("OUT_OF_RANGE", "lines", "0", "quantity")],
    ),
    "a total below 0": (
        {"total": money("-0.0001")},
        [invalid("AMOUNT_OUT_OF_RANGE", "total", "amount")],
    ),
    "a total past the range": (
        {"total": money("100000000000")},
        [invalid("AMOUNT_OUT_OF_RANGE", "total", "amount")],
    ),
    "lines whose sum is past the range": (
        {"lines": [a_line(unitPrice=money("99999999999.9999")), a_line(unitPrice=money("0.0001"))]},
        [invalid("AMOUNT_OUT_OF_RANGE", "lines")],
    ),
    "an unknown currency": (
        {"total": money("1", "ZZZ")},
        [invalid("UNKNOWN_CURRENCY", "total", "currency")],
    ),
    "an unknown currency in a line": (
        {"lines": [a_line(unitPrice=money("1", "ZZZ"))]},
        [invalid("UNKNOWN_CURRENCY", "lines", "0", "unitPrice", "currency")],
    ),
    "two currencies": (
        {"lines": [a_line(), a_line(unitPrice=money("1", "USD"))]},
        [invalid("MIXED_CURRENCIES", "lines")],
    ),
    "a long reference": ({"total": EURO, "reference": "a" * 65}, [invalid("TOO_LONG", "reference")]),
    "an empty reference": ({"total": EURO, "reference": ""}, [invalid("REQUIRED", "reference")]),
    "all at once": (
        {"lines": [a_line(sku="", quantity=0)], "total": money("-1", "ZZZ"), "reference": ""},
        [
            invalid("REQUIRED", "reference"),
            invalid("AMOUNT_OUT_OF_RANGE", "total", "amount"),
            invalid("UNKNOWN_CURRENCY", "total", "currency"),
            invalid("REQUIRED", "lines", "0", "sku"),
            invalid("OUT_OF_RANGE", "lines", "0", "quantity"),
            TOTAL_OR_LINES,
        ],
    ),
}
KEYS = {
    "empty": ("", "REQUIRED"),
    "129 characters": ("a" * 129, "TOO_LONG"),
    "a control character": ("a\nb", "NOT_PRINTABLE"),
    "a delete character": ("a\x7f", "NOT_PRINTABLE"),
    "an unseen character": ("a\u200b", "NOT_PRINTABLE"),
}


def by_path(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: (problem["path"], problem["code"]))


@on_sqlite
@pytest.mark.parametrize("case", CONTENTS)
async def test_an_order_with_a_mistake_is_not_stored(database: Database, api: Api, case: str) -> None:
    """Neither a new one nor a changed one; every mistake of the input is told at once."""
    content, problems = CONTENTS[case]
    customer = await create_customer(database)
    order = await create_order(database, customer, *([line("A")] if "lines" in content else []))
    before = await stored_rows(database)

    created = await run(
        api, mutations.CREATE_ORDER, customerId=global_id(customer), **content, idempotencyKey="create"
    )
    changed = await run(api, mutations.UPDATE_ORDER, id=global_id(order), **content, idempotencyKey="update")

    for payload in (created, changed):
        assert (None, by_path(problems)) == (payload["order"], by_path(payload["userErrors"]))
    assert before == await stored_rows(database)
    assert [] == await keys_of(database)


@on_sqlite
async def test_an_order_has_a_total_or_lines(database: Database, api: Api) -> None:
    """A new one with neither is refused; null is as if left out."""
    owner = global_id(await create_customer(database))
    before = await stored_rows(database)

    for neither in ({}, {"total": None}, {"total": None, "lines": None}):
        payload = await run(api, mutations.CREATE_ORDER, customerId=owner, **neither)

        assert [TOTAL_OR_LINES] == payload["userErrors"]
    assert before == await stored_rows(database)


@on_sqlite
@pytest.mark.parametrize("case", KEYS)
@pytest.mark.parametrize("dry", [False, True], ids=["real", "dry"])
async def test_a_key_is_printable_and_not_long(database: Database, api: Api, case: str, dry: bool) -> None:
    """Of a single mutation and of a batch; the change is not carried out."""
    key, code = KEYS[case]
    item = {"username": "ada", "name": "Ada"}
    before = await stored_rows(database)

    for mutation, sent in (
        (mutations.CREATE_CUSTOMER, item),
        (mutations.UPSERT_CUSTOMERS, {"items": [item]}),
    ):
        payload = await run(api, mutation, **sent, idempotencyKey=key, dryRun=dry)

        assert [invalid(code, "idempotencyKey")] == payload["userErrors"]
    assert before == await stored_rows(database)


GONE: dict[str, tuple[str, str, dict[str, Any]]] = {
    "updateCustomer": (mutations.UPDATE_CUSTOMER, "customer", {"name": "New"}),
    "archiveCustomer": (mutations.ARCHIVE_CUSTOMER, "customer", {}),
    "restoreCustomer": (mutations.RESTORE_CUSTOMER, "customer", {}),
    "deleteCustomer": (mutations.DELETE_CUSTOMER, "customer", {}),
    "updateOrder": (mutations.UPDATE_ORDER, "order", {"reference": "SO-1"}),
    "transitionOrder": (mutations.TRANSITION_ORDER, "order", {"to": "PAID"}),
    "deleteOrder": (mutations.DELETE_ORDER, "order", {}),
}


@pytest.mark.parametrize("expected", [{}, {"expectedVersion": 1}], ids=["any version", "a version"])
async def test_what_was_deleted_cannot_be_changed(
    database: Database, api: Api, expected: dict[str, int]
) -> None:
    """By no mutation, whatever version it expects: there is nothing with this id, but to be erased."""
    customer = await create_customer(database)
    order = await create_order(database, await create_customer(database))
    await database.write(partial(customers.delete, customer_id=customer.id))
    await database.write(partial(orders.delete, order_id=order.id))
    ids = {"customer": global_id(customer), "order": global_id(order)}
    before = await stored_rows(database)

    for mutation, kind, sent in GONE.values():
        payload = await run(api, mutation, id=ids[kind], **sent, **expected)

        assert [not_found(ids[kind], "id")] == payload["userErrors"]
    created = await run(api, mutations.CREATE_ORDER, customerId=ids["customer"], total=EURO)
    moved = await run(
        api, mutations.TRANSITION_ORDERS, items=[{"id": ids["order"], "to": "PAID", **expected}]
    )
    assert [not_found(ids["customer"], "customerId")] == created["userErrors"]
    assert [not_found(ids["order"], "items", "0", "id")] == moved["userErrors"]
    assert before == await stored_rows(database)
