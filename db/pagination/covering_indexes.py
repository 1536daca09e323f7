"""Which columns a page fetches: those that are read where an index has them, or else all."""

from collections import namedtuple
from functools import lru_cache
from typing import Any

from db.models import Change, Customer, Order
from db.pagination import index_usage
from db.pagination.filters import compared_columns
from db.pagination.keyset import Scope

ROWS: dict[str, type[Any]] = {"customers": Customer, "orders": Order, "history": Change}


def columns(scope: Scope, read: frozenset[str] | None) -> tuple[str, ...]:
    """The table's columns that are fetched, in its order: `read` and the keys are among them.

    Fewer than all only where that saves looking up each row in the table: an index serves the sort, and has
    every column that is read or compared.
    """
    every = tuple(scope.rows_of.c.keys())
    if read is None:
        return every
    needed = read | {"id", *scope.sort.keys} | ({scope.parent} if scope.parent else set())
    if not _is_covered(scope, needed | compared_columns(scope.sought)):
        return every
    return tuple(name for name in every if name in needed)


@lru_cache
def row_type(table: str, columns: tuple[str, ...]) -> type[Any]:
    """The class of rows with these columns. It has the name of the whole row's, by which types are told.

    What was not fetched is no attribute of it: reading that raises, and never gives a null.
    """
    whole = ROWS[table]
    return whole if columns == whole._fields else namedtuple(whole.__name__, columns)


def _is_covered(scope: Scope, needed: frozenset[str]) -> bool:
    """Whether an index that the statement names has all columns; each has the id, the key of the rows."""
    covering = {each for each in index_usage.indexes(scope.table) if needed <= {*each.columns, "id"}}
    if not covering:
        return False
    where = (scope.table, scope.sort, scope.sought, scope.parent)
    named = index_usage.usable(*where)
    return any(index.name in named for index in covering.intersection(index_usage.serving(*where)))
