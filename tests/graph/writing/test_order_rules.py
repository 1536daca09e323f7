"""The rules that a new order must satisfy, and where in the input a mistake is said to be."""

from typing import Any

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id
from tests.graph.writing.user_errors import PROBLEM, Problem, invalid
from tests.table_rows import stored_rows

CREATE = f"""
mutation ($input: CreateOrderInput!) {{
  createOrder(input: $input) {{ order {{ id }} userErrors {{ ...Problem }} }}
}}
{PROBLEM}
"""


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def mug(**changed: Any) -> dict[str, Any]:
    """A line that no rule forbids, with something changed."""
    return {"sku": "MUG-01", "name": "Mug", "quantity": 1, "unitPrice": euros("1")} | changed


REFUSED: dict[str, tuple[dict[str, Any], list[Problem]]] = {
    "neither": ({}, [invalid("TOTAL_OR_LINES", "total")]),
    "null for both": ({"total": None, "lines": None}, [invalid("TOTAL_OR_LINES", "total")]),
    "both": ({"total": euros("1"), "lines": [mug()]}, [invalid("TOTAL_OR_LINES", "total")]),
    "an unknown currency": (
        {"total": {"amount": "1", "currency": "ABC"}},
        [invalid("UNKNOWN_CURRENCY", "total", "currency")],
    ),
    "less than nothing": (
        {"total": euros("-0.0001")},
        [invalid("AMOUNT_OUT_OF_RANGE", "total", "amount")],
    ),
    "too much": (
        {"total": euros("100000000000")},
        [invalid("AMOUNT_OUT_OF_RANGE", "total", "amount")],
    ),
    "no reference in it": ({"total": euros("1"), "reference": ""}, [invalid("REQUIRED", "reference")]),
    "a long reference": (
        {"total": euros("1"), "reference": "r" * 65},
        [invalid("TOO_LONG", "reference")],
    ),
    "no lines": ({"lines": []}, [invalid("REQUIRED", "lines")]),
    "too many lines": ({"lines": [mug()] * 201}, [invalid("TOO_LONG", "lines")]),
    "no sku": ({"lines": [mug(sku="")]}, [invalid("REQUIRED", "lines", "0", "sku")]),
    "a long sku": ({"lines": [mug(sku="s" * 65)]}, [invalid("TOO_LONG", "lines", "0", "sku")]),
    "no name": ({"lines": [mug(name="")]}, [invalid("REQUIRED", "lines", "0", "name")]),
    "a long name": ({"lines": [mug(name="n" * 251)]}, [invalid("TOO_LONG", "lines", "0", "name")]),
    "none of it": ({"lines": [mug(quantity=0)]}, [invalid("OUT_OF_RANGE", "lines", "0", "quantity")]),
    "more than a million": (
        {"lines": [mug(quantity=1_000_001)]},
        [invalid("OUT_OF_RANGE", "lines", "0", "quantity")],
    ),
    "a price below zero": (
        {"lines": [mug(), mug(unitPrice=euros("-1"))]},
        [invalid("AMOUNT_OUT_OF_RANGE", "lines", "1", "unitPrice", "amount")],
    ),
    "an unknown currency of a line": (
        {"lines": [mug(unitPrice={"amount": "1", "currency": "ABC"})]},
        [invalid("UNKNOWN_CURRENCY", "lines", "0", "unitPrice", "currency")],
    ),
    "two currencies": (
        {"lines": [mug(), mug(unitPrice={"amount": "1", "currency": "USD"})]},
        [invalid("MIXED_CURRENCIES", "lines")],
    ),
    "a product past the range": (
        {"lines": [mug(), mug(quantity=2, unitPrice=euros("50000000000"))]},
        [invalid("AMOUNT_OUT_OF_RANGE", "lines", "1")],
    ),
    "a sum past the range": (
        {"lines": [mug(unitPrice=euros("99999999999.9999")), mug(unitPrice=euros("0.0001"))]},
        [invalid("AMOUNT_OUT_OF_RANGE", "lines")],
    ),
    "mistakes in two lines": (
        {"lines": [mug(sku=""), mug(quantity=0)]},
        [invalid("REQUIRED", "lines", "0", "sku"), invalid("OUT_OF_RANGE", "lines", "1", "quantity")],
    ),
}


@on_sqlite
@pytest.mark.parametrize(("input", "problems"), REFUSED.values(), ids=REFUSED)
async def test_creating_refuses_what_rules_forbid(
    database: Database, api: Api, input: dict[str, Any], problems: list[Problem]
) -> None:
    """The path leads to the field, through the index of its line, and nothing is stored."""
    customer = await create_customer(database)

    data = await api.data(CREATE, input={"customerId": global_id(customer), **input})

    assert {"order": None, "userErrors": problems} == data["createOrder"]
    after = await stored_rows(database)
    assert ([], []) == (after["orders"], after["order_lines"])
