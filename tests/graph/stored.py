"""What the tables hold, to be compared before and after a request."""

from typing import Any

import sqlalchemy as sa

from db.database import Database
from db.models import idempotency_keys, metadata


async def stored(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, by primary key; the keys of mutations, which come with each, left out."""
    rows = {}
    for table in metadata.sorted_tables:
        if table is idempotency_keys:
            continue
        statement = sa.select(*table.c).order_by(*table.primary_key)
        rows[table.name] = [tuple(row) for row in await database.reader().fetch(statement)]
    return rows
