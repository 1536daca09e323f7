"""Two customers with their rows, of whom one is the owner of the Reader."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from db import models
from db.audit.author import Author
from db.engine.database import Database
from db.models import Customer, Order, order_lines
from db.reader import Reader
from tests.factories import create_customer, create_order, line
from tests.table_rows import stored_rows


@dataclass
class TwoCustomers:
    """Ada, whose rows may be seen, and Bob; each has an order with a line and one without."""

    database: Database
    ada: Customer
    bob: Customer
    adas: list[Order]
    bobs: list[Order]

    @classmethod
    async def of(cls, database: Database) -> "TwoCustomers":
        ada, bob = [
            await create_customer(database, username=name, name=f"{name} same", email=f"{name}@example.com")
            for name in ("ada", "bob")
        ]
        adas, bobs = [
            [
                await create_order(
                    database, each, line(f"{each.username}-sku"), reference=f"{each.username}-1"
                ),
                await create_order(database, each, reference=f"{each.username}-2"),
            ]
            for each in (ada, bob)
        ]
        return cls(database, ada, bob, adas, bobs)

    @property
    def reader(self) -> Reader:
        return self.database.reader(owner=self.ada.id)

    async def write(self, work: Any) -> Any:
        return await self.database.write(work, author=Author("key:ada", owner=self.ada.id))

    def is_adas(self, table: sa.Table, row: tuple[Any, ...]) -> bool:
        """By the column that says so, or by the order's id."""
        if table is order_lines:
            return row[0] in {order.id for order in self.adas}
        column = "id" if table is models.customers else "customer_id"
        return bool(row[list(table.c.keys()).index(column)] == self.ada.id)

    async def bobs_rows(self) -> dict[str, Any]:
        """Everything but Ada's."""
        rows = await stored_rows(self.database)
        tables = models.metadata.tables
        return {
            name: [row for row in found if not self.is_adas(tables[name], row)]
            for name, found in rows.items()
        }
