"""Rows to test with: each factory stores one object and gives back its row."""

import itertools
from datetime import datetime
from decimal import Decimal
from typing import Any

from db import customers, orders
from db.engine.database import Database
from db.maintenance import data_checks
from db.models import Customer, Order
from db.money import LineInput, Money
from graph.global_ids import GlobalId

NUMBERS = itertools.count(1)
TEN_EUROS = Money(Decimal(10), "EUR")


async def create_customer(database: Database, **values: Any) -> Customer:
    number = next(NUMBERS)
    values = {"username": f"customer-{number}", "name": f"Customer {number}", **values}
    return await database.write(lambda transaction: customers.insert(transaction, values))


async def create_order(
    database: Database,
    customer: Customer,
    *lines: LineInput,
    total: Money | None = TEN_EUROS,
    placed_at: datetime | None = None,
    reference: str | None = None,
) -> Order:
    values: dict[str, Any] = {"customer_id": customer.id, "reference": reference}
    if placed_at:
        values["placed_at"] = placed_at
    sent = None if lines else total
    return await database.write(lambda transaction: orders.insert(transaction, values, sent, lines))


async def count_orders(database: Database) -> None:
    """After orders were inserted past `orders.insert`."""
    await data_checks.check_order_counts(database)


def line(sku: str = "MUG-01", quantity: int = 1, price: str = "12.50", currency: str = "EUR") -> LineInput:
    return LineInput(sku, f"Article {sku}", quantity, Money(Decimal(price), currency))


def global_id(row: Customer | Order) -> str:
    """The id that the API shows for a row."""
    return GlobalId(type(row).__name__, row.id).encode()
