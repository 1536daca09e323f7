"""The statements that read rows by the values of a column, kept: writing one takes longer than sending it."""

from functools import lru_cache
from typing import Any

import sqlalchemy as sa

VALUES = "values"


@lru_cache(100)
def by_values(table: sa.Table, column: str) -> sa.Select[Any]:
    """The rows whose `column` has one of the parameter VALUES."""
    key = table.c[column]
    return sa.select(*table.c).where(key.in_(sa.bindparam(VALUES, type_=key.type, expanding=True)))
