"""A small shop full of borderline cases, stored once and known to the reference as well."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from db import models
from db.engine.database import Database
from db.money import as_text
from graph.global_ids import GlobalId
from graph.types.scalars import serialize_date_time
from tests.factories import count_orders
from tests.reference import Row

TEXTS = [
    *("Zoe", "zoe", "ZOE", "Zoe ", "Zoë", "Zoe\u0301", "Zo", "Zoey"),
    *("50%", "50_", "50\\", "50'", '50"', "50", "500", "5"),
    *("\ud7ff", "\ue000", "\ue000a", "\uffff", "\uffff\U0001f600", "\U0001f600", "\U0001f600 ", "\U0010ffff"),
    *("a\U0010ffff", "b", "a\U0010ffffz", "日本語", "日", "ß", "ss", "\u00a0"),
]
STATUSES = ["PENDING", "PAID", "FULFILLED", "CANCELLED", "REFUNDED"]
CURRENCIES = ["EUR", "USD", "JPY"]
AMOUNTS = ["0", "0.0001", "19.9999", "20", "20.5", "99999999999.9999"]
NOON = datetime(2026, 2, 28, 12, tzinfo=UTC)
# Many rows have the same, others are a microsecond apart.
MOMENTS = [NOON + timedelta(microseconds=each) for each in (-86_400_000_000, -1, 0, 0, 0, 1, 999_999)]
ORDERS = [40, 11, 9, 8, 7, 5, 3, 1, 1, 0, 0, 0]


@dataclass(frozen=True, repr=False)
class Shop:
    """Every customer and every order, related to each other."""

    customers: list[Row]
    orders: list[Row]

    def named(self, sent: Any) -> Any:
        """The same with ids for names such as `customer:3` and `order:0`."""
        match sent:
            case dict():
                return {name: self.named(each) for name, each in sent.items()}
            case list():
                return [self.named(each) for each in sent]
            case str() if sent.startswith(("customer:", "order:")):
                kind, _, place = sent.partition(":")
                rows = self.customers if kind == "customer" else self.orders
                return rows[int(place)]["id"]
            case _:
                return sent


async def open_shop(database: Database, seed: int = 8) -> Shop:
    """Store it in the place of what was stored; of one `seed` the same rows each time, but for their ids."""
    chance = random.Random(seed)
    async with database.writes.begin() as connection:
        for table in (models.orders, models.customers):
            await connection.execute(table.delete())

        async def insert(table: sa.Table, values: dict[str, Any]) -> int:
            result = await connection.execute(table.insert(), values)
            row_id: int = result.lastrowid
            return row_id

        customers = []
        for place, orders in enumerate(ORDERS):
            values = _customer(chance, place)
            customers.append((await insert(models.customers, values), values, orders))
        stored = [(await insert(models.orders, each), each) for each in _orders(chance, customers)]
    await count_orders(database)
    owners = {row_id: shown("Customer", row_id, values) for row_id, values, _ in customers}
    for row in owners.values():
        row["orders"] = []
    everything = [shown("Order", row_id, values) for row_id, values in stored]
    for order in everything:
        order["customer"] = owners[order.pop("customer_id")]
        order["customer"]["orders"].append(order)
    return Shop(list(owners.values()), everything)


def _customer(chance: random.Random, place: int) -> dict[str, Any]:
    return {
        "username": TEXTS[place],
        "name": chance.choice(TEXTS),
        "email": None if place % 3 == 0 else TEXTS[-1 - place],
        "version": chance.choice([1, 1, 2]),
        "created_at": chance.choice(MOMENTS),
        "updated_at": chance.choice(MOMENTS),
        "archived_at": chance.choice(MOMENTS) if place % 4 == 3 else None,
    }


def _orders(chance: random.Random, customers: list[tuple[int, Any, int]]) -> list[dict[str, Any]]:
    references = sorted({*TEXTS, *(text + end for text in TEXTS for end in ("0", "x"))})
    chance.shuffle(references)
    rows = [
        {
            "customer_id": customer_id,
            "reference": None if chance.random() < 0.3 else references.pop(),
            "status": chance.choice(STATUSES),
            "total": Decimal(chance.choice(AMOUNTS)),
            "currency": chance.choice([*CURRENCIES, "EUR", "EUR"]),
            "placed_at": chance.choice(MOMENTS),
            "version": chance.choice([1, 1, 2]),
            "created_at": chance.choice(MOMENTS),
            "updated_at": chance.choice(MOMENTS),
        }
        for customer_id, _, count in customers
        for _ in range(count)
    ]
    chance.shuffle(rows)
    return rows


def shown(kind: str, row_id: int, values: dict[str, Any]) -> Row:
    """The row as the API shows it."""
    row: Row = {"row": row_id, "id": GlobalId(kind, row_id).encode()}
    for name, value in values.items():
        head, *tail = name.split("_")
        field = name if name == "customer_id" else head + "".join(map(str.title, tail))
        row[field] = serialize_date_time(value) if isinstance(value, datetime) else value
    if kind == "Order":
        row["amount"] = as_text(row.pop("total"))
    return row
