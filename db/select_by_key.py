"""Reads rows by the values of a column, with SQL that is compiled once."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from db import row_level_security
from db.aggregation.sql_functions import IsIn
from db.column_types import ValueList
from db.engine.compiled_sql import SQL, BoundStatement, Processor, compile_select, result_processors
from db.reader import Reader
from db.row_level_security import OWNER

VALUE, VALUES = "value", "values"


class CompiledSelect(NamedTuple):
    """SQL, and what converts the columns of its rows."""

    sql: SQL
    processors: tuple[tuple[int, Processor], ...]


async def fetch(reader: Reader, table: sa.Table, column: str, values: Sequence[Any]) -> Sequence[Any]:
    """The rows whose `column` has one of `values`, in no order."""
    # One value by an equality: TiDB makes a point read of it.
    parameter, value = (VALUE, values[0]) if len(values) == 1 else (VALUES, values)
    sql, processors = _compiled(reader.dialect, table, column, parameter, reader.owner is not None)
    bound = sql.row(sql.bind({parameter: value, OWNER: reader.owner}))
    return await reader.fetch(BoundStatement(sql.text, tuple(bound), processors, reader.owner))


@lru_cache(100)
def by_values(table: sa.Table, column: str) -> sa.Select[Any]:
    """Selects the rows whose `column` has one of the parameter VALUES."""
    key = table.c[column]
    return sa.select(*table.c).where(IsIn(key, sa.bindparam(VALUES, type_=ValueList(key.type))))


def _by_value(table: sa.Table, column: str) -> sa.Select[Any]:
    key = table.c[column]
    return sa.select(*table.c).where(key == sa.bindparam(VALUE, type_=key.type))


@lru_cache(200)
def _compiled(
    dialect: sa.Dialect, table: sa.Table, column: str, parameter: str, restricted: bool
) -> CompiledSelect:
    statement = (_by_value if parameter == VALUE else by_values)(table, column)
    if restricted:
        statement = row_level_security.restrict_to_parameter(statement)
    return CompiledSelect(compile_select(statement, dialect), result_processors(table.c, dialect))
