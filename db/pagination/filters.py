"""Filters: a tree of conditions on rows, and its SQL.

Every comparison with null is false, `ne` and `not_in` included, so that `Not` is the exact negation; use
`is_null` for nulls. `in_` without values matches no row, and `not_in` without values matches every row.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import sqlalchemy as sa

from db import models
from db.aggregation.sql_functions import IsIn
from db.column_types import ValueList

LARGEST_CODE_POINT = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)
# The longest text of a column that can be compared.
MAX_TEXT_LENGTH = max(
    column.type.length
    for table in (models.customers, models.orders)
    for column in table.c
    if isinstance(column.type, sa.String) and column.type.length
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """Stands for a value that is bound when the statement runs."""

    name: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A column against a value; `operator` is one of OPERATORS, and a list is a tuple.

    The value can be a Parameter, except the booleans of `is_null`, which are part of the statement.
    """

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
MATCH_ALL = Every()
# Customers that are not archived, as they are shown unless the others are asked for too.
NOT_ARCHIVED = Compare("archived_at", "is_null", True)


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


def columns_compared_by_eq(condition: Condition) -> frozenset[str]:
    """The columns that every row has one value of: those compared by `eq` in the outermost conjunction."""
    match condition:
        case Compare(column=column, operator="eq"):
            return frozenset({column})
        case Every(parts=parts):
            return frozenset[str]().union(*(columns_compared_by_eq(part) for part in parts))
        case _:
            return frozenset()


def has_relation_filter(condition: Condition) -> bool:
    """Whether rows of another table are looked at, whatever rows of its own they are compared with."""
    match condition:
        case Compare():
            return False
        case Every(parts=parts) | Either(parts=parts):
            return any(has_relation_filter(part) for part in parts)
        case Not(part=part):
            return has_relation_filter(part)
        case Related():
            return True


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


class FilterTemplate(NamedTuple):
    """A condition with parameters in place of its values, and the values by parameter.

    Conditions that differ in their values only have the same template: it is the key of cached statements.
    """

    condition: Condition
    values: dict[str, Any]


def template(condition: Condition) -> FilterTemplate:
    """The condition's template, without its empty and repeated parts."""
    values: dict[str, Any] = {}
    return FilterTemplate(_with_parameters(_simplified(condition), values), values)


def truncate_for_comparison(text: str) -> str:
    """The text cut to one character more than any stored text has, which compares in the same way.

    A text that is longer equals nothing stored, begins nothing and is contained in nothing; and whether it is
    greater or less is decided within the length of the stored text, or by being longer.
    """
    return text[: MAX_TEXT_LENGTH + 1]


def _simplified(condition: Condition) -> Condition:
    match condition:
        case Compare(column=column, operator=operator, value=tuple(values)):
            return Compare(column, operator, tuple(dict.fromkeys(values)))
        case Every(parts=parts):
            return Every(_flattened(Every, parts))
        case Either(parts=parts):
            return Either(_flattened(Either, parts))
        case Not(part=part):
            return Not(_simplified(part))
        case Related(relation=relation, part=part):
            return Related(relation, _simplified(part))
    return condition


def _flattened(kind: type[Every] | type[Either], parts: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """The different parts, those of parts of the same kind among them."""
    found: dict[Condition, None] = {}
    for part in map(_simplified, parts):
        found.update(dict.fromkeys(part.parts if isinstance(part, kind) else [part]))
    return tuple(found)


def _with_parameters(condition: Condition, values: dict[str, Any]) -> Condition:
    match condition:
        case Compare(operator="is_null") | Compare(value=()):
            return condition
        case Compare(column=column, operator="starts_with", value=prefix):
            return Every(tuple(_with_parameters(each, values) for each in _range(column, prefix)))
        case Compare(column=column, operator=operator, value=value):
            name = f"v{len(values)}"
            values[name] = value
            return Compare(column, operator, Parameter(name))
        case Every(parts=parts):
            return Every(tuple(_with_parameters(part, values) for part in parts))
        case Either(parts=parts):
            return Either(tuple(_with_parameters(part, values) for part in parts))
        case Not(part=part):
            return Not(_with_parameters(part, values))
        case Related(relation=relation, part=part):
            return Related(relation, _with_parameters(part, values))


def _compare(column: Any, operator: str, value: Any) -> sa.ColumnElement[bool]:
    if operator == "is_null":
        is_null: sa.ColumnElement[bool] = column.is_(None)
        if column.name == "email":
            # Of an address without a key only the entered text is stored.
            is_null = sa.and_(is_null, column.table.c.entered_email.is_(None))
        return is_null if value else sa.not_(is_null)
    if value == ():
        return sa.true() if operator == "not_in" else sa.false()
    if operator == "starts_with":
        return sa.and_(*(_compare(column, each.operator, each.value) for each in _range("", value)))
    type_ = ValueList(column.type) if operator in LISTS else column.type
    if isinstance(value, Parameter):
        bound: Any = sa.bindparam(value.name, type_=type_)
    else:
        bound = sa.bindparam(None, value, type_=type_, unique=True)
    compared = OPERATORS[operator](column, bound)
    # Without this a NOT around it would be NULL for a null column, and find neither.
    return sa.and_(column.is_not(None), compared) if column.nullable else compared


def _range(column: str, prefix: str) -> list[Compare]:
    """A range, not LIKE: an index serves it on both databases, nothing is a wildcard, case counts."""
    after = _after(prefix)
    return [
        Compare(column, "gte", prefix),
        *([] if after is None else [Compare(column, "lt", after)]),
    ]


def _after(prefix: str) -> str | None:
    """The first text by code point that is past all texts with this prefix, None where there is none."""
    kept = prefix.rstrip(chr(LARGEST_CODE_POINT))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(SURROGATES.stop if following in SURROGATES else following)


LISTS = frozenset({"in_", "not_in"})
OPERATORS: dict[str, Callable[[Any, Any], sa.ColumnElement[bool]]] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: column != value,
    "in_": lambda column, values: IsIn(column, values),
    "not_in": lambda column, values: sa.not_(IsIn(column, values)),
    "gt": lambda column, value: column > value,
    "gte": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "lte": lambda column, value: column <= value,
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
