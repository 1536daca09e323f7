"""Writing many rows of one table in one statement each."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, sqlite

from db import errors
from db.reader import Transaction

Values = Mapping[str, Any]


async def insert(
    transaction: Transaction, table: sa.Table, rows: Sequence[Values], new: sa.ColumnElement[bool]
) -> list[int]:
    """Insert rows that name the same columns; their ids in the rows' order. Raises as `execute` does.

    TiDB returns one id only, and ids of concurrent INSERTs interleave: so the rows are read back by `new`,
    which finds them, and compared. Raises ConcurrentInsert if another transaction inserted equal rows.
    """
    await transaction.execute(table.insert().values(list(rows)))
    names = list(rows[0])
    statement = sa.select(table.c.id, *(table.c[name] for name in names)).where(new).order_by(table.c.id)
    found: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in await transaction.fetch(statement):
        found[tuple(row[1:])].append(row[0])
    inputs = [tuple(row[name] for name in names) for row in rows]
    for content, count in Counter(inputs).items():
        if len(found[content]) > count:
            raise errors.ConcurrentInsert
        if len(found[content]) < count:
            raise errors.DataInconsistency(f"new rows of {table.name} are not as they were sent")
    return [found[content].pop(0) for content in inputs]


async def update(
    transaction: Transaction, table: sa.Table, rows: Sequence[Any], names: Sequence[str]
) -> None:
    """Store the columns `names` of rows that are there, each by its id. Raises DuplicateKey."""
    choices = {
        name: {row.id: sa.literal(getattr(row, name), table.c[name].type) for row in rows} for name in names
    }
    values = {name: sa.case(choice, value=table.c.id) for name, choice in choices.items()}
    ids = [row.id for row in rows]
    await transaction.execute(table.update().where(table.c.id.in_(ids)).values(values))


async def upsert(
    transaction: Transaction, table: sa.Table, rows: Sequence[Values], key: str, changed: Sequence[str]
) -> dict[Any, int]:
    """Insert rows, or store the columns `changed` where `key`, the one unique column, is there; ids by key.

    Raises ConcurrentInsert when a row that was to be new is there.
    """
    if transaction.is_sqlite:
        new = sqlite.insert(table).values(list(rows))
        statement: sa.Insert = new.on_conflict_do_update(
            index_elements=[key], set_={name: new.excluded[name] for name in changed}
        )
    else:
        other = mysql.insert(table).values(list(rows))
        statement = other.on_duplicate_key_update({name: other.inserted[name] for name in changed})
    await transaction.execute(statement)
    names, keys = list(rows[0]), [row[key] for row in rows]
    columns = [table.c[name] for name in names]
    found = await transaction.fetch(sa.select(table.c.id, *columns).where(table.c[key].in_(keys)))
    ids = {row._mapping[key]: row[0] for row in found}
    # What others stored since these rows were looked at is none of theirs, and was changed just now.
    if {tuple(row[1:]) for row in found} != {tuple(row[name] for name in names) for row in rows}:
        raise errors.ConcurrentInsert
    return ids
