"""Reads rows by the values of a column; its statements are kept: writing one takes longer than sending it."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from db.aggregation.sql_functions import IsIn
from db.column_types import ValueList
from db.reader import AnyRow, Reader

VALUE, VALUES = "value", "values"


async def fetch(reader: Reader, table: sa.Table, column: str, values: Sequence[Any]) -> Sequence[AnyRow]:
    """The rows whose `column` has one of `values`, in no order."""
    if len(values) == 1:
        # An equality is a point read, and takes SQLAlchemy no rewriting of a list.
        return await reader.fetch(_by_value(table, column), {VALUE: values[0]})
    return await reader.fetch(by_values(table, column), {VALUES: values})


@lru_cache(100)
def by_values(table: sa.Table, column: str) -> sa.Select[Any]:
    """Selects the rows whose `column` has one of the parameter VALUES."""
    key = table.c[column]
    return sa.select(*table.c).where(IsIn(key, sa.bindparam(VALUES, type_=ValueList(key.type))))


@lru_cache(100)
def _by_value(table: sa.Table, column: str) -> sa.Select[Any]:
    key = table.c[column]
    return sa.select(*table.c).where(key == sa.bindparam(VALUE, type_=key.type))
