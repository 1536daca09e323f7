"""Filter operators: one input type per value type, such as StringFilter."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

import strawberry
from strawberry.utils.str_converters import to_camel_case

from db.pagination.filters import Compare
from graph import global_ids
from graph.errors import BadUserInput
from graph.types.order_status import OrderStatus
from graph.types.scalars import CurrencyCode

T = TypeVar("T")

MAX_LIST_LENGTH = 100
NO_ROW = -1
# Beyond every amount that can be stored, positive or negative.
LARGEST_AMOUNT = Decimal(10**11)

# Operators whose value is a part of a text.
TEXT_PART_OPERATORS = {"starts_with", "contains"}

DESCRIPTIONS = {
    "eq": "Equal to this value. Null is not allowed, as in every operator.",
    "ne": "Not equal to this value. Null values do not match.",
    "in_": "One of these values, at most 100. An empty list matches nothing.",
    "not_in": (
        "None of these values, at most 100. Null values do not match. An empty list matches everything."
    ),
    "gt": "Greater than this value.",
    "gte": "Greater than or equal to this value.",
    "lt": "Less than this value.",
    "lte": "Less than or equal to this value.",
    "is_null": "Whether the value is null; the only operator that matches null.",
    "starts_with": "Starts with this text, case-sensitive.",
    "contains": "Contains this text, case-sensitive.",
}


def operator(name: str) -> Any:
    """The input field of an operator, without effect if left out."""
    return strawberry.field(
        name="in" if name == "in_" else None,
        default=strawberry.UNSET,
        description=DESCRIPTIONS[name],
    )


@strawberry.input(description="Filter on an ID; all operators must match.")
class IDFilter:
    eq: strawberry.ID | None = operator("eq")
    ne: strawberry.ID | None = operator("ne")
    in_: list[strawberry.ID] | None = operator("in_")
    not_in: list[strawberry.ID] | None = operator("not_in")


@strawberry.input(description="Filter on text, compared by code point; all operators must match.")
class StringFilter:
    eq: str | None = operator("eq")
    ne: str | None = operator("ne")
    in_: list[str] | None = operator("in_")
    not_in: list[str] | None = operator("not_in")
    gt: str | None = operator("gt")
    gte: str | None = operator("gte")
    lt: str | None = operator("lt")
    lte: str | None = operator("lte")
    is_null: bool | None = operator("is_null")
    starts_with: str | None = operator("starts_with")
    contains: str | None = operator("contains")


@strawberry.input(description="Filter on an integer; all operators must match.")
class IntFilter:
    eq: int | None = operator("eq")
    ne: int | None = operator("ne")
    in_: list[int] | None = operator("in_")
    not_in: list[int] | None = operator("not_in")
    gt: int | None = operator("gt")
    gte: int | None = operator("gte")
    lt: int | None = operator("lt")
    lte: int | None = operator("lte")


@strawberry.input(description="Filter on a time; all operators must match.")
class DateTimeFilter:
    eq: datetime | None = operator("eq")
    ne: datetime | None = operator("ne")
    in_: list[datetime] | None = operator("in_")
    not_in: list[datetime] | None = operator("not_in")
    gt: datetime | None = operator("gt")
    gte: datetime | None = operator("gte")
    lt: datetime | None = operator("lt")
    lte: datetime | None = operator("lte")
    is_null: bool | None = operator("is_null")


@strawberry.input(description="Filter on a decimal number; all operators must match.")
class DecimalFilter:
    eq: Decimal | None = operator("eq")
    ne: Decimal | None = operator("ne")
    in_: list[Decimal] | None = operator("in_")
    not_in: list[Decimal] | None = operator("not_in")
    gt: Decimal | None = operator("gt")
    gte: Decimal | None = operator("gte")
    lt: Decimal | None = operator("lt")
    lte: Decimal | None = operator("lte")


@strawberry.input(description="Filter on a currency; all operators must match.")
class CurrencyCodeFilter:
    eq: CurrencyCode | None = operator("eq")
    ne: CurrencyCode | None = operator("ne")
    in_: list[CurrencyCode] | None = operator("in_")
    not_in: list[CurrencyCode] | None = operator("not_in")


@strawberry.input(description="Filter on an order's status; all operators must match.")
class OrderStatusFilter:
    eq: OrderStatus | None = operator("eq")
    ne: OrderStatus | None = operator("ne")
    in_: list[OrderStatus] | None = operator("in_")
    not_in: list[OrderStatus] | None = operator("not_in")


@strawberry.input(description="Filter on an amount of money: on the amount, the currency, or both.")
class MoneyFilter:
    amount: DecimalFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Filter on the amount."
    )
    currency: CurrencyCodeFilter | None = strawberry.field(
        default=strawberry.UNSET, description="Filter on the currency."
    )


# Python names of operators by schema names, in the order in which conditions list them.
OPERATORS = {"in" if name == "in_" else to_camel_case(name): name for name in DESCRIPTIONS}


def unchanged(value: T) -> T:
    return value


def compare(
    column: str,
    sent: Mapping[str, Any],
    stored: Callable[[Any], Any] = unchanged,
    *,
    has_null: bool = False,
    stored_part: Callable[[Any], Any] = unchanged,
) -> Iterator[Compare]:
    """The conditions of a filter on one column. `stored` and `stored_part` convert values to stored form.

    Raises BadUserInput for null (`has_null` columns have isNull instead) and for a list that is too long.
    """
    for field, name in OPERATORS.items():
        if field not in sent:
            continue
        value = sent[field]
        if value is None:
            raise BadUserInput(_null_message(column, field, has_null=has_null))
        if isinstance(value, list):
            yield Compare(column, name, tuple([stored(each) for each in check_list_length(value)]))
        elif name in TEXT_PART_OPERATORS:
            yield Compare(column, name, stored_part(value))
        else:
            yield Compare(column, name, value if name == "is_null" else stored(value))


def _null_message(column: str, operator: str, *, has_null: bool) -> str:
    advice = "Leave it out, or use `isNull: true`." if has_null else "Leave it out."
    return f"`{to_camel_case(column)}.{operator}` in where is null. {advice}"


def check_list_length(values: list[T]) -> list[T]:
    """The same list. Raises BadUserInput if it is too long."""
    if len(values) > MAX_LIST_LENGTH:
        raise BadUserInput(f"A list in where must have at most {MAX_LIST_LENGTH} values.")
    return values


def stored_id(kind: str) -> Callable[[strawberry.ID], int]:
    """Converts global IDs to row IDs. An ID of another type becomes NO_ROW, which matches nothing."""
    return lambda sent: global_ids.row_id(kind, sent) or NO_ROW


def stored_amount(sent: Decimal) -> Decimal:
    """The amount clamped to a range that the databases can compare."""
    return max(-LARGEST_AMOUNT, min(sent, LARGEST_AMOUNT))


def stored_enum(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else value
