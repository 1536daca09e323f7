"""Sample customers and orders that look like a shop's: the same for the same seed value and day."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from mimesis import Person
from mimesis.locales import Locale

CATALOGUE = [
    ("MUG-01", "Enamel mug", Decimal("12.90")),
    ("TEA-02", "Assam tea, 250 g", Decimal("8.40")),
    ("TEA-05", "Sencha, 100 g", Decimal("11.25")),
    ("POT-01", "Cast-iron teapot", Decimal("64.00")),
    ("NTB-03", "Dotted notebook, A5", Decimal("9.75")),
    ("PEN-11", "Fountain pen, fine", Decimal("38.50")),
    ("INK-07", "Ink, tidal blue, 50 ml", Decimal("14.20")),
    ("BAG-04", "Canvas bag", Decimal("27.00")),
    ("LMP-02", "Desk lamp", Decimal("119.00")),
    ("CRD-09", "Postcards, set of 12", Decimal("6.60")),
]
CURRENCIES = ["EUR"] * 5 + ["USD"] * 3 + ["GBP", "CHF"]
SETTLED = ["FULFILLED"] * 16 + ["REFUNDED", "CANCELLED"] * 2
RECENT = ["PENDING"] * 4 + ["PAID"] * 5 + ["CANCELLED"]
YEAR = 365 * 24 * 3600
RECENT_DAYS = 14
# Orders of the last days have an audit log entry for every transition since PENDING. Older orders have
# the first entry only, so that seeding stays fast.
TRANSITION_DAYS = 60
TRANSITION_INTERVAL = timedelta(days=2)
PATHS: dict[str, tuple[str, ...]] = {
    "PENDING": (),
    "PAID": ("PAID",),
    "FULFILLED": ("PAID", "FULFILLED"),
    "REFUNDED": ("PAID", "REFUNDED"),
    "CANCELLED": ("CANCELLED",),
}

Row = dict[str, Any]


class SampleOrder(NamedTuple):
    """A row of `orders` without its ID and customer, its lines, and its transitions from PENDING.

    A transition is the new status and its time. Without any, the order was created in its status.
    """

    row: Row
    lines: list[Row]
    transitions: list[tuple[str, datetime]]


class Sample:
    """A reproducible source of rows: call `customers` once, then `order` as often as needed."""

    def __init__(self, seed_value: int, today: datetime | None = None) -> None:
        self._random = random.Random(seed_value)  # noqa: S311
        self._person = Person(Locale.EN, seed=seed_value)
        day = today or datetime.now(UTC)
        self._today = day.replace(hour=0, minute=0, second=0, microsecond=0)
        self._orders = 0

    def customers(self, count: int) -> Iterator[Row]:
        """Rows of `customers`; handles and addresses are unique."""
        for number in range(1, count + 1):
            first, last = self._person.first_name(), self._person.last_name()
            username = f"{first}.{last}.{number}".lower().replace(" ", "-").replace("'", "")
            created = self._moment(2 * YEAR, YEAR)
            yield {
                "username": username,
                "name": f"{first} {last}",
                "email": f"{username}@example.com" if self._random.random() < 0.9 else None,
                "version": 1,
                "created_at": created,
                "updated_at": created,
                "archived_at": None,
            }

    def currency(self) -> str:
        """The one currency that a customer pays in."""
        return self._random.choice(CURRENCIES)

    def order(self, currency: str) -> SampleOrder:
        """An order of the last year; three in ten have only a total, as the tutorial's have."""
        self._orders += 1
        placed = self._moment(YEAR, 0)
        lines = self._lines(currency)
        total = sum((line["unit_price"] * line["quantity"] for line in lines), Decimal(0))
        recent = (self._today - placed).days < RECENT_DAYS
        status = self._random.choice(RECENT if recent else SETTLED)
        transitions = self._transitions(status, placed)
        row = {
            "reference": f"SO-{self._orders:07}",
            "status": status,
            "total": total,
            "currency": currency,
            "placed_at": placed,
            "version": 1 + len(transitions),
            "created_at": placed,
            "updated_at": transitions[-1][1] if transitions else placed,
        }
        return SampleOrder(row, lines if self._random.random() < 0.7 else [], transitions)

    def _transitions(self, status: str, placed: datetime) -> list[tuple[str, datetime]]:
        if (self._today - placed).days >= TRANSITION_DAYS:
            return []
        path = PATHS[status]
        interval = min(TRANSITION_INTERVAL, (self._today - placed) / (len(path) + 1))
        return [(each, placed + interval * (index + 1)) for index, each in enumerate(path)]

    def _lines(self, currency: str) -> list[Row]:
        articles = self._random.sample(CATALOGUE, self._random.choice((1, 1, 1, 2, 2, 3)))
        return [
            {
                "position": index + 1,
                "sku": sku,
                "name": name,
                "quantity": self._random.choice((1, 1, 1, 2, 3)),
                "unit_price": price,
                "currency": currency,
            }
            for index, (sku, name, price) in enumerate(articles)
        ]

    def _moment(self, longest_ago: int, shortest_ago: int) -> datetime:
        microseconds = self._random.randrange(shortest_ago * 10**6, longest_ago * 10**6)
        return self._today - timedelta(microseconds=microseconds)
