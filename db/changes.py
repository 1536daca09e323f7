"""The one place that raises `version`: a change to a row that is locked by this transaction."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import sqlalchemy as sa

from db.models import Customer, Order
from db.reader import Transaction

RowT = TypeVar("RowT", Customer, Order)


def now() -> datetime:
    """This moment in UTC, to the microsecond."""
    return datetime.now(UTC)


async def apply(
    transaction: Transaction,
    table: sa.Table,
    row: RowT,
    values: Mapping[str, Any],
    *,
    touched: bool = False,
) -> RowT:
    """Store `values` where they differ from `row`, and give back the row as it is then.

    A change that changes nothing keeps the version, unless what hangs on the row was `touched`.
    """
    changed = {name: value for name, value in values.items() if getattr(row, name) != value}
    if not changed and not touched:
        return row
    changed |= {"version": row.version + 1, "updated_at": now()}
    await transaction.execute(table.update().where(table.c.id == row.id).values(**changed))
    return row._replace(**changed)
