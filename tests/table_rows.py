"""The rows of all tables, to be compared before and after a request."""

from functools import cache
from typing import Any

import sqlalchemy as sa

from db.engine.database import Database
from db.models import Change, Customer, Order, history, idempotency_keys, metadata, orders

Rows = list[tuple[Any, ...]]


async def stored_rows(database: Database) -> dict[str, Rows]:
    """Every row of every table, by primary key; the keys of mutations, which come with each, left out."""
    tables = [table for table in metadata.sorted_tables if table is not idempotency_keys]
    return {table.name: await rows_of(database, table) for table in tables}


async def rows_of(database: Database, table: sa.Table) -> Rows:
    """Every row of one table, by primary key."""
    return [tuple(row) for row in await database.reader().fetch(_everything(table))]


@cache
def _everything(table: sa.Table) -> sa.Select[Any]:
    return sa.select(*table.c).order_by(*table.primary_key)


async def keys_of(database: Database) -> Rows:
    """The rows of mutations' keys."""
    return await rows_of(database, idempotency_keys)


async def orders_of(database: Database) -> list[Order]:
    """Every order, the first first."""
    return [Order._make(row) for row in await rows_of(database, orders)]


async def changes_of(database: Database, row: Customer | Order) -> list[Change]:
    """The history of one object, the oldest first."""
    mine = (row.id, type(row).__name__)
    found = [Change._make(each) for each in await rows_of(database, history)]
    return [change for change in found if (change.object_id, change.kind) == mine]
