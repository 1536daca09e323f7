"""Which filters and sorts an index serves, derived from the tables' keys."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import sqlalchemy as sa

from db import models
from db.pagination.filters import (
    NOT_ARCHIVED,
    Compare,
    Condition,
    Either,
    Every,
    Not,
    Related,
    columns_compared_by_eq,
)
from db.pagination.sorts import SORTS, Sort

# What a filter by itself is promised to be read by an index for.
INDEXED_OPERATORS = ("eq", "in_", "gt", "gte", "lt", "lte", "starts_with")
INDEXED_COLUMNS = {
    "customers": ("id", "username", "email", "created_at"),
    "orders": ("id", "reference", "status", "customer_id", "created_at", "placed_at"),
}
RANGES = frozenset(INDEXED_OPERATORS) - {"eq"}


class Index(NamedTuple):
    """A key of a table by the name that TiDB gives it, with its columns in order."""

    name: str
    columns: tuple[str, ...]
    unique: bool


@lru_cache
def indexes(table: str) -> tuple[Index, ...]:
    """Every key of the table: the primary one, those that are unique, and the others."""
    found = models.metadata.tables[table]
    keys = [Index("PRIMARY", tuple(found.primary_key.columns.keys()), True)]
    keys += [
        Index(str(each.name), tuple(each.columns.keys()), True)
        for each in found.constraints
        if isinstance(each, sa.UniqueConstraint)
    ]
    keys += [Index(str(each.name), tuple(each.columns.keys()), bool(each.unique)) for each in found.indexes]
    return tuple(sorted(keys))


def is_indexed(table: str, condition: Condition) -> bool:
    """Whether one comparison by itself, in the table's default order, is read by an index of its own."""
    return (
        isinstance(condition, Compare)
        and condition.column in INDEXED_COLUMNS.get(table, ())
        and condition.operator in INDEXED_OPERATORS
    )


def indexes_in_order(
    table: str, sort: Sort, condition: Condition, parent: str | None = None
) -> tuple[Index, ...]:
    """The indexes that have the rows in the sort's order behind the equalities of the condition.

    Of these, those that take in the most equalities. With a `parent` each begins with its column, and has
    the order for one value of it. None at all for a sort that the condition leaves without an index.
    """
    single, equal = _single_valued_columns(condition, parent), columns_compared_by_eq(condition)
    wanted = tuple(name for name in sort.keys if name not in single)
    found: dict[int, list[Index]] = {}
    for index in indexes(table):
        if parent and index.columns[0] != parent:
            continue
        rest = _behind(index, single)
        one_row = index.unique and equal.issuperset(index.columns)
        if rest[: len(wanted)] == wanted or one_row:
            found.setdefault(len(index.columns) - len(rest), []).append(index)
    return tuple(found[max(found)]) if found else ()


def serves_filter_and_sort(table: str, sort: Sort, condition: Condition, parent: str | None = None) -> bool:
    """Whether an index finds the rows of the condition, and no others, in the sort's order.

    Then a page reads little more than it shows: the condition is nothing but equalities in front of the
    sort's columns, and ranges on the first of these.
    """
    parts = tuple(conjunction(condition))
    single = _single_valued_columns(condition, parent)
    for index in indexes_in_order(table, sort, condition, parent):
        rest = _behind(index, single)
        taken = set(index.columns[: len(index.columns) - len(rest)])
        if all(_is_taken(part, taken, rest[:1]) for part in parts):
            return True
    return False


def is_bounded(table: str, sort: Sort, condition: Condition, parent: str | None = None) -> bool:
    """Whether a page costs no more than an index promises; anything else may read all rows.

    True where an index serves sort and filter together, where the filter leaves no more rows than it lists
    values of a unique column, and for one indexed filter by itself in the table's default order, hidden
    archived customers aside.
    """
    parts = [part for part in conjunction(condition) if part != NOT_ARCHIVED]
    if serves_filter_and_sort(table, sort, condition, parent) or any(
        _is_unique_lookup(table, part) for part in parts
    ):
        return True
    default = sort.columns == SORTS[table][0].columns
    return parent is None and default and len(parts) == 1 and is_indexed(table, parts[0])


def index_hint_names(
    table: str, sort: Sort, condition: Condition, parent: str | None = None
) -> tuple[str, ...]:
    """The names of the indexes among which a database should choose, and no scan of the table.

    None where conditions across the relation or alternatives may have better ways than any index of
    this table in order.
    """
    parts = tuple(conjunction(condition))
    if any(_has_alternatives(part) for part in parts):
        return ()
    chosen = set(indexes_in_order(table, sort, condition, parent))
    if not serves_filter_and_sort(table, sort, condition, parent):
        single = _single_valued_columns(condition, parent)
        filtered = {part.column for part in parts if isinstance(part, Compare) and is_indexed(table, part)}
        chosen |= {
            index
            for index in indexes(table)
            if filtered & set(_range(index, single)) and (index.unique or parent in (None, index.columns[0]))
        }
    return tuple(sorted(index.name for index in chosen))


def conjunction(condition: Condition) -> Iterator[Condition]:
    """The parts that must all hold, one by one."""
    if isinstance(condition, Every):
        for part in condition.parts:
            yield from conjunction(part)
    else:
        yield condition


def _single_valued_columns(condition: Condition, parent: str | None) -> frozenset[str]:
    """The columns that have one value in all rows; null is such a value, too."""
    nulls = {part.column for part in conjunction(condition) if isinstance(part, Compare) and _is_null(part)}
    return columns_compared_by_eq(condition) | nulls | ({parent} if parent else set())


def _behind(index: Index, single: frozenset[str]) -> tuple[str, ...]:
    """The index's columns from the first one on that has many values."""
    place = next((n for n, name in enumerate(index.columns) if name not in single), len(index.columns))
    return index.columns[place:]


def _range(index: Index, single: frozenset[str]) -> tuple[str, ...]:
    """The columns that make up a range of the index: those of one value, and the first behind them."""
    return index.columns[: len(index.columns) - len(_behind(index, single)) + 1]


def _is_taken(part: Condition, equal: set[str], ranged: tuple[str, ...]) -> bool:
    if not isinstance(part, Compare):
        return False
    if part.operator == "eq" or _is_null(part):
        return part.column in equal
    return part.column in ranged and part.operator in RANGES


def _is_null(part: Condition) -> bool:
    return isinstance(part, Compare) and part.operator == "is_null" and bool(part.value)


def _is_unique_lookup(table: str, part: Condition) -> bool:
    if not isinstance(part, Compare) or part.operator not in {"eq", "in_"}:
        return False
    return any(index.unique and index.columns == (part.column,) for index in indexes(table))


def _has_alternatives(condition: Condition) -> bool:
    match condition:
        case Not(part=part):
            return _has_alternatives(part)
        case Every(parts=parts):
            return any(_has_alternatives(part) for part in parts)
        case Either() | Related():
            return True
        case _:
            return False
