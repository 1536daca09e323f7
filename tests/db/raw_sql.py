"""SQL as text, past the functions that are tested."""

from typing import Any

import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import DatabaseUrl


async def run(database: Database, *statements: str, **parameters: Any) -> list[tuple[Any, ...]]:
    """Run each by itself, in autocommit; the rows of the last one."""
    rows: list[tuple[Any, ...]] = []
    async with database.reads.connect() as connection:
        for statement in statements:
            result = await connection.execute(sa.text(statement), parameters)
            rows = [tuple(row) for row in result] if result.returns_rows else []
    return rows


async def run_on(url: str, *statements: str) -> list[tuple[Any, ...]]:
    """The same on a database that nothing is connected to yet."""
    async with Database(DatabaseUrl.parse(url)) as database:
        return await run(database, *statements)
