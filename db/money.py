"""Money: exact amounts, the range that an amount can hold, and the sums of an order's lines."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from db import domain_errors

MAX_AMOUNT = Decimal("99999999999.9999")


class Money(NamedTuple):
    """An amount, exact to four places, and the three letters of its currency."""

    amount: Decimal
    currency: str


class LineInput(NamedTuple):
    """A line as a client sends it; its position is its index + 1."""

    sku: str
    name: str
    quantity: int
    unit_price: Money


def as_text(amount: Decimal) -> str:
    """Plain digits without trailing zeros: "0.1", "20"."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_range(amount: Decimal) -> bool:
    return 0 <= amount <= MAX_AMOUNT


def total_of(lines: Sequence[LineInput]) -> Money:
    """The sum of one or more lines. Raises MixedCurrencies, AmountOutOfRange or DomainErrorGroup."""
    if found := find_line_errors(lines):
        raise domain_errors.combine(found)
    return Money(_sum(lines), lines[0].unit_price.currency)


def find_line_errors(lines: Sequence[LineInput | None]) -> list[domain_errors.DomainError]:
    """The rule violations of an order's lines together; None stands for a line that is invalid by itself."""
    found: list[domain_errors.DomainError] = []
    if len({line.unit_price.currency for line in lines if line}) > 1:
        found.append(domain_errors.MixedCurrencies())
    large = [index for index, line in enumerate(lines) if line and not in_range(_product(line))]
    found.extend(domain_errors.AmountOutOfRange(f"lines.{index}") for index in large)
    if not found and not in_range(_sum(filter(None, lines))):
        found.append(domain_errors.AmountOutOfRange("lines"))
    return found


def _product(line: LineInput) -> Decimal:
    return line.unit_price.amount * line.quantity


def _sum(lines: Iterable[LineInput]) -> Decimal:
    return sum(map(_product, lines), Decimal(0))
