"""Conditions on rows: a small tree that says what, and the SQL that it stands for.

Every comparison with a null is false, also `ne` and `not_in`, so that `Not` is the exact opposite of what it
holds; only `is_null` speaks of nulls. `in_` with no values finds nothing, and `not_in` everything, for then
it compares with nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import sqlalchemy as sa

from db import models

LARGEST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


@dataclass(frozen=True, slots=True)
class Compare:
    """A column against a value; `operator` is one of OPERATORS, and a list is a tuple."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Every:
    """All of the parts hold; no parts, and everything does."""

    parts: tuple["Condition", ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the parts holds; no parts, and nothing does."""

    parts: tuple["Condition", ...] = ()


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class Related:
    """At least one row of `relation` holds; `relation` is a key of RELATIONS."""

    relation: str
    part: "Condition"


Condition: TypeAlias = Compare | Every | Either | Not | Related
EVERYTHING = Every()
# Customers that are not archived, as they are shown unless the others are asked for too.
ACTIVE = Compare("archived_at", "is_null", True)


def clause(table: Any, condition: Condition) -> sa.ColumnElement[bool]:
    """The condition as SQL over `table`, or over an alias of it. It is never NULL."""
    match condition:
        case Compare(column=column, operator=operator, value=value):
            return _compare(table.c[column], operator, value)
        case Every(parts=parts):
            return sa.and_(sa.true(), *(clause(table, part) for part in parts))
        case Either(parts=parts):
            return sa.or_(sa.false(), *(clause(table, part) for part in parts))
        case Not(part=part):
            return sa.not_(clause(table, part))
        case Related(relation=relation, part=part):
            return RELATIONS[relation](table, part)


def equal_columns(condition: Condition) -> frozenset[str]:
    """The columns that every row has one value of: those compared by `eq` in the outermost conjunction."""
    match condition:
        case Compare(column=column, operator="eq"):
            return frozenset({column})
        case Every(parts=parts):
            return frozenset[str]().union(*(equal_columns(part) for part in parts))
        case _:
            return frozenset()


def crosses(condition: Condition) -> bool:
    """Whether rows of another table are looked at, whatever rows of its own they are compared with."""
    match condition:
        case Compare():
            return False
        case Every(parts=parts) | Either(parts=parts):
            return any(crosses(part) for part in parts)
        case Not(part=part):
            return crosses(part)
        case Related():
            return True


def size(condition: Condition) -> int:
    """How many comparisons it holds, those with each of a list's values counted by themselves."""
    match condition:
        case Compare(value=value):
            return len(value) if isinstance(value, tuple) else 1
        case Every(parts=parts) | Either(parts=parts):
            return sum(size(part) for part in parts)
        case Not(part=part) | Related(part=part):
            return 1 + size(part)


def compared_columns(condition: Condition) -> frozenset[str]:
    """The columns that are compared, those of related rows aside."""
    match condition:
        case Compare(column=column):
            return frozenset({column})
        case Every(parts=parts) | Either(parts=parts):
            return frozenset[str]().union(*(compared_columns(part) for part in parts))
        case Not(part=part):
            return compared_columns(part)
        case _:
            return frozenset()


def _compare(column: Any, operator: str, value: Any) -> sa.ColumnElement[bool]:
    if operator == "is_null":
        is_null: sa.ColumnElement[bool] = column.is_(None)
        return is_null if value else sa.not_(is_null)
    if operator == "not_in" and not value:
        return sa.true()
    compared = OPERATORS[operator](column, value)
    # Without this a NOT around it would be NULL for a null column, and find neither.
    return sa.and_(column.is_not(None), compared) if column.nullable else compared


def _starts_with(column: Any, prefix: str) -> sa.ColumnElement[bool]:
    """A range, not LIKE: an index serves it on both databases, nothing is a wildcard, case counts."""
    after = _after(prefix)
    return column >= prefix if after is None else sa.and_(column >= prefix, column < after)


def _after(prefix: str) -> str | None:
    """The first text by code point that is past all texts with this prefix, None where there is none."""
    kept = prefix.rstrip(chr(LARGEST_CODE_POINT))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)


OPERATORS: dict[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "in_": lambda column, values: column.in_(values),
    "not_in": lambda column, values: column.not_in(values),
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
    "starts_with": _starts_with,
    "contains": lambda column, value: sa.func.instr(column, value) > 0,
}


# IN, not EXISTS: from it alone TiDB can begin with the related rows, when these are few.
def _orders_of_customer(table: Any, part: Condition) -> sa.ColumnElement[bool]:
    orders = models.orders.alias()
    found = sa.select(orders.c.customer_id).where(clause(orders, part))
    owning: sa.ColumnElement[bool] = table.c.id.in_(found)
    return owning


def _customer_of_order(table: Any, part: Condition) -> sa.ColumnElement[bool]:
    customers = models.customers.alias()
    found = sa.select(customers.c.id).where(clause(customers, part))
    owned: sa.ColumnElement[bool] = table.c.customer_id.in_(found)
    return owned


def _words_of_customer(table: Any, part: Condition) -> sa.ColumnElement[bool]:
    words = models.customer_words.alias()
    # IN and not EXISTS: TiDB can then begin with the words, where they are fewer than the customers.
    found: sa.ColumnElement[bool] = table.c.id.in_(sa.select(words.c.customer_id).where(clause(words, part)))
    return found


RELATIONS: dict[str, Callable[[Any, Condition], sa.ColumnElement[bool]]] = {
    "orders": _orders_of_customer,
    "customer": _customer_of_order,
    "words": _words_of_customer,
}
