"""Unique text in its normal form, and e-mail addresses compared without case.

Nothing aborts: of rows that collide the oldest has the key. The others keep their text, marked where it would
be the key, and are found by it only when somebody has edited them.
"""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from db import unique_text
from db.column_types import RowId, UtcDateTime

revision = "0013"
down_revision = "0012"

BATCH = 200
LONGEST_EMAIL = 254
# WORD JOINER is invisible, so text with it is not in normal form.
MARK = "\u2060"
metadata = sa.MetaData()
customers = sa.Table(
    "customers",
    metadata,
    sa.Column("id", RowId),
    sa.Column("username", sa.String(250)),
    sa.Column("email", sa.String(LONGEST_EMAIL)),
    sa.Column("created_at", UtcDateTime),
    sa.Column("entered_email", sa.String(LONGEST_EMAIL)),
)
orders = sa.Table(
    "orders",
    metadata,
    sa.Column("id", RowId),
    sa.Column("reference", sa.String(64)),
    sa.Column("created_at", UtcDateTime),
)


def upgrade() -> None:
    if not _is_there():
        op.add_column("customers", sa.Column("entered_email", sa.String(LONGEST_EMAIL)))
    connection = op.get_bind()
    _each(connection, customers.c.username, _normalize)
    _each(connection, orders.c.reference, _normalize)
    _each(connection, customers.c.email, _fold)


def downgrade() -> None:
    if not _is_there():
        return
    entered = customers.c.entered_email
    restored = customers.update().where(entered.is_not(None)).values(email=entered)
    # Those with a key first: the others may have the same text as one of these has as its key.
    op.execute(restored.where(customers.c.email.is_not(None)))
    op.execute(restored.where(customers.c.email.is_(None)))
    op.drop_column("customers", "entered_email")


def _is_there() -> bool:
    """TiDB's DDL is not transactional: a revision that was cut short is run again."""
    return any(each["name"] == "entered_email" for each in sa.inspect(op.get_bind()).get_columns("customers"))


def _each(
    connection: sa.Connection,
    column: sa.Column[str],
    give_key: Callable[[sa.Connection, sa.Column[str], sa.Row[Any]], None],
) -> None:
    """Give each row with a text its key, batch by batch: TiDB holds a transaction in memory."""
    for rows in _batches(connection, column):
        for row in rows:
            give_key(connection, column, row)
        if connection.dialect.name == "mysql":
            connection.exec_driver_sql("COMMIT")


def _batches(connection: sa.Connection, column: sa.Column[str]) -> Iterator[list[sa.Row[Any]]]:
    table, last = column.table, 0
    some = sa.select(*table.c).where(column.is_not(None)).order_by(table.c.id).limit(BATCH)
    while rows := connection.execute(some.where(table.c.id > last)).all():
        yield list(rows)
        last = rows[-1].id


def _normalize(connection: sa.Connection, column: sa.Column[str], row: sa.Row[Any]) -> None:
    """Write the normal form, unless an older row has it."""
    text = row._mapping[column]
    key = unique_text.normalize(text)
    if key == text or not key:
        return
    holder = _holder(connection, column, key)
    if holder is not None and _age(holder) < _age(row):
        return
    if holder is not None:
        _set(connection, column.table, holder.id, {column.name: _with_key_row(connection, column, key)})
    _set(connection, column.table, row.id, {column.name: key})


def _fold(connection: sa.Connection, column: sa.Column[str], row: sa.Row[Any]) -> None:
    """Write the key, unless an older row has it, and the address beside it."""
    key = unique_text.email_key(row.email)
    if key == row.email:
        return
    holder = _holder(connection, column, key) if key and len(key) <= LONGEST_EMAIL else row
    if holder is not None and (holder is row or _age(holder) < _age(row)):
        _set(connection, customers, row.id, {"email": None, "entered_email": row.email})
        return
    if holder is not None:
        entered = holder.email if holder.entered_email is None else holder.entered_email
        _set(connection, customers, holder.id, {"email": None, "entered_email": entered})
    _set(connection, customers, row.id, {"email": key, "entered_email": row.email})


def _holder(connection: sa.Connection, column: sa.Column[str], key: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(*column.table.c).where(column == key)).first()


def _age(row: sa.Row[Any]) -> tuple[Any, int]:
    return row.created_at, row.id


def _with_key_row(connection: sa.Connection, column: sa.Column[str], text: str) -> str:
    """The text, marked as often as it takes to be nobody else's."""
    longest: int = column.type.length  # type: ignore[attr-defined]
    while True:
        text = (MARK + text)[:longest]
        if _holder(connection, column, text) is None:
            return text


def _set(connection: sa.Connection, table: Any, row_id: int, values: dict[str, Any]) -> None:
    connection.execute(sa.update(table).where(table.c.id == row_id).values(values))
