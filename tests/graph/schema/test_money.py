"""Money: strings in and out, exact sums, and the range that an amount can have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.engine.database import Database
from db.money import as_text
from graph.types.scalars import parse_decimal
from tests.api import Api
from tests.factories import create_customer, global_id

CREATE = """
mutation ($id: ID!, $total: MoneyInput, $lines: [OrderLineInput!]) {
  createOrder(input: { customerId: $id, total: $total, lines: $lines }) {
    order { id total { amount currency } }
    userErrors { code path }
  }
}
"""
READ = "query ($id: ID!) { order(by: { id: $id }) { total { amount } lines { total { amount } } } }"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0000", "0"),
        ("0.0001", "0.0001"),
        ("0.10", "0.1"),
        ("20.0000", "20"),
        ("100", "100"),
        ("19.9900", "19.99"),
        ("99999999999.9999", "99999999999.9999"),
    ],
)
async def test_an_amount_comes_back_without_trailing_zeros(
    database: Database, api: Api, sent: str, expected: str
) -> None:
    """In the payload and when read later; a zero has no sign."""
    customer = await create_customer(database)

    data = await api.data(CREATE, id=global_id(customer), total={"amount": sent, "currency": "EUR"})

    order = data["createOrder"]["order"]
    later = await api.data(READ, id=order["id"])
    assert {"amount": expected, "currency": "EUR"} == order["total"]
    assert {"order": {"total": {"amount": expected}, "lines": []}} == later


@pytest.mark.parametrize(
    ("lines", "totals", "expected"),
    [
        ([(1, "0.1"), (1, "0.2")], ["0.1", "0.2"], "0.3"),
        ([(3, "0.1")], ["0.3"], "0.3"),
        ([(1_000_000, "0.0001"), (7, "14.2857")], ["100", "99.9999"], "199.9999"),
        ([(1_000_000, "99999.9999"), (1, "99.9999")], ["99999999900", "99.9999"], "99999999999.9999"),
        ([(1, "99999999999.9998"), (1, "0.0001")], ["99999999999.9998", "0.0001"], "99999999999.9999"),
        ([(1, "0"), (1_000_000, "0.0000")], ["0", "0"], "0"),
    ],
)
async def test_sums_are_exact(
    database: Database, api: Api, lines: list[tuple[int, str]], totals: list[str], expected: str
) -> None:
    """To the last place, up to the largest amount."""
    customer = await create_customer(database)
    sent = [
        {"sku": "A", "name": "A", "quantity": quantity, "unitPrice": {"amount": price, "currency": "EUR"}}
        for quantity, price in lines
    ]

    data = await api.data(CREATE, id=global_id(customer), lines=sent)

    order = data["createOrder"]["order"]
    later = await api.data(READ, id=order["id"])
    assert {"amount": expected, "currency": "EUR"} == order["total"]
    assert {
        "total": {"amount": expected},
        "lines": [{"total": {"amount": each}} for each in totals],
    } == later["order"]


@given(st.integers(0, 10**15 - 1))
def test_a_written_amount_is_read_as_itself(ten_thousandths: int) -> None:
    """What goes out can be sent in again, and does not change any more."""
    amount = parse_decimal(f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04}")

    text = as_text(amount)

    assert amount == parse_decimal(text)
    assert text == as_text(parse_decimal(text))
    assert not ("." in text and text[-1] in "0.")
