"""Covering indexes: a page fetches only the selected columns if an index has all of them."""

from collections import namedtuple
from functools import lru_cache
from typing import Any

from db.models import Change, Customer, Order
from db.pagination import index_usage
from db.pagination.filters import compared_columns
from db.pagination.keyset import ConnectionSpec

ROWS: dict[str, type[Any]] = {"customers": Customer, "orders": Order, "history": Change}


def fetched_columns(spec: ConnectionSpec, read: frozenset[str] | None) -> tuple[str, ...]:
    """The table's columns that are fetched, in its order: `read` and the keys are among them.

    Fewer than all only where that saves looking up each row in the table: an index serves the sort, and has
    every column that is read or compared.
    """
    every = tuple(spec.rows_from.c.keys())
    if read is None:
        return every
    needed = read | {"id", *spec.sort.keys} | ({spec.parent} if spec.parent else set())
    if not _is_covered(spec, needed | compared_columns(spec.effective_filter)):
        return every
    return tuple(name for name in every if name in needed)


@lru_cache
def row_type(table: str, fetched_columns: tuple[str, ...]) -> type[Any]:
    """The class of rows with these columns. Its name is the whole row's: GraphQL types are resolved by it.

    A column that was not fetched is no attribute: reading it raises instead of returning null.
    """
    whole = ROWS[table]
    return whole if fetched_columns == whole._fields else namedtuple(whole.__name__, fetched_columns)


def _is_covered(spec: ConnectionSpec, needed: frozenset[str]) -> bool:
    """Whether an index that the statement names has all columns; each has the id, the key of the rows."""
    covering = {each for each in index_usage.indexes(spec.table) if needed <= {*each.columns, "id"}}
    if not covering:
        return False
    where = (spec.table, spec.sort, spec.effective_filter, spec.parent)
    named = index_usage.index_hint_names(*where)
    return any(index.name in named for index in covering.intersection(index_usage.indexes_in_order(*where)))
