"""Strict scalars: what is not written exactly as the schema says is refused, never guessed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NewType

import strawberry
from graphql import GraphQLError, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from db import money

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]{1,4})?", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,6})?([Zz]|[+-]\d{2}:[0-5]\d)", re.ASCII
)
# DATETIME holds the years 1000 to 9999.
FIRST_YEAR = 1000

CurrencyCode = NewType("CurrencyCode", str)


def parse_decimal(value: object) -> Decimal:
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise GraphQLError('Decimal must be a string such as "19.99", with at most 4 decimal places.')
    # Zero has no sign here.
    return Decimal(value) or Decimal(0)


def parse_date_time(value: object) -> datetime:
    message = 'DateTime must be a string with an offset, such as "2026-02-28T09:30:00Z".'
    if not isinstance(value, str) or not DATE_TIME.fullmatch(value):
        raise GraphQLError(message)
    try:
        moment = datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise GraphQLError(message) from error
    if moment.year < FIRST_YEAR:
        raise GraphQLError("DateTime must not be before the year 1000.")
    return moment


def serialize_date_time(value: datetime) -> str:
    """`value` is in UTC, as every moment of a row is; isoformat takes a tenth of strftime's time."""
    return value.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_currency(value: object) -> str:
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        raise GraphQLError('CurrencyCode must be three capital letters, such as "EUR".')
    return value


def literal(parse: Callable[[object], Any]) -> Callable[..., Any]:
    """`parse` for what stands in a document: only a string literal, no number and no bare word."""

    def parse_literal(node: ValueNode, _variables: object = None) -> Any:
        try:
            return parse(node.value if isinstance(node, StringValueNode) else None)
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from error

    return parse_literal


SCALARS: dict[Any, ScalarDefinition] = {
    Decimal: strawberry.scalar(
        name="Decimal",
        description=(
            "An exact decimal number as a string, never a JSON number: an optional minus, digits without "
            "a leading zero, and up to four decimal places. It comes back without trailing zeros."
        ),
        serialize=money.as_text,
        parse_value=parse_decimal,
        parse_literal=literal(parse_decimal),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "A moment as RFC 3339 with an offset; it comes back in UTC with microseconds, as in "
            '"2026-02-28T09:30:00.000000Z".'
        ),
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=serialize_date_time,
        parse_value=parse_date_time,
        parse_literal=literal(parse_date_time),
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="Three capital letters; whether ISO 4217 knows the currency is checked as a rule.",
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
        serialize=str,
        parse_value=parse_currency,
        parse_literal=literal(parse_currency),
    ),
}
