"""A copy of a database with the rows of one customer only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from db import models
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from tests.db.raw_sql import run

OTHERS = {
    "order_lines": "order_id NOT IN (SELECT id FROM orders WHERE customer_id = :owner)",
    "orders": "customer_id <> :owner",
    "history": "customer_id <> :owner",
    "customer_words": "customer_id <> :owner",
    "customers": "id <> :owner",
}


@asynccontextmanager
async def single_customer_copy(database: Database, owner: int, folder: Path) -> AsyncIterator[Database]:
    """A copy of `database` without the rows of other customers; `folder` is for SQLite's file."""
    name = f"alone_{uuid4().hex}"
    if database.url.is_sqlite:
        await run(database, f"VACUUM INTO '{folder / name}'")
        url = f"sqlite:///{folder / name}"
    else:
        await run(database, f"CREATE DATABASE {name}", *_copies(name))
        url = sa.make_url(database.url.driver_url).set(database=name).render_as_string(hide_password=False)
    async with Database(DatabaseUrl.parse(url), database.limits) as copy:
        for table, others in OTHERS.items():
            await run(copy, f"DELETE FROM {table} WHERE {others}", owner=owner)
        yield copy
    if not database.url.is_sqlite:
        await run(database, f"DROP DATABASE {name}")


def _copies(name: str) -> list[str]:
    copies = ["SET @@allow_auto_random_explicit_insert = 1"]
    for table in models.metadata.tables:
        copies += [
            f"CREATE TABLE {name}.{table} LIKE {table}",
            f"INSERT INTO {name}.{table} SELECT * FROM {table}",
        ]
    return copies
