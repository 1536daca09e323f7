"""Money: exact amounts, the range that an amount can hold, and the sums of an order's lines."""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from db import refusals

LARGEST = Decimal("99999999999.9999")


class Money(NamedTuple):
    """An amount, exact to four places, and the three letters of its currency."""

    amount: Decimal
    currency: str


class Line(NamedTuple):
    """A line as a client sends it: no position, for that is its index + 1."""

    sku: str
    name: str
    quantity: int
    unit_price: Money


def as_text(amount: Decimal) -> str:
    """Plain digits without trailing zeros: "0.1", "20"."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_range(amount: Decimal) -> bool:
    return 0 <= amount <= LARGEST


def total_of(lines: Sequence[Line]) -> Money:
    """The sum of one or more lines. Raises MixedCurrencies or AmountOutOfRange."""
    if len({line.unit_price.currency for line in lines}) > 1:
        raise refusals.MixedCurrencies
    products = [line.unit_price.amount * line.quantity for line in lines]
    for place, product in enumerate(products):
        if not in_range(product):
            raise refusals.AmountOutOfRange(f"lines.{place}")
    if not in_range(total := sum(products, Decimal(0))):
        raise refusals.AmountOutOfRange("lines")
    return Money(total, lines[0].unit_price.currency)
