"""The scalars Decimal, DateTime and CurrencyCode. They reject values in any other format."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, NewType, TypeVar

import strawberry
from graphql import GraphQLError, StringValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

from db import money

DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]{1,4})?", re.ASCII)
CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
DATE_TIME = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})[Tt](?P<time>\d{2}:\d{2}:(?P<seconds>\d{2}))(\.(?P<fraction>\d{1,30}))?"
    r"(?P<offset>[Zz]|[+-]\d{2}:[0-5]\d)?",
    re.ASCII,
)
# TiDB's DATETIME supports the years 1000 to 9999.
FIRST_YEAR = 1000

SECOND = timedelta(seconds=1)
T = TypeVar("T")

CurrencyCode = NewType("CurrencyCode", str)


def parse_decimal(value: object) -> Decimal:
    if not isinstance(value, str) or not DECIMAL.fullmatch(value):
        raise GraphQLError('Decimal must be a string such as "19.99", with at most 4 decimal places.')
    # Normalize -0.
    return Decimal(value) or Decimal(0)


def parse_date_time(value: object) -> datetime:
    """RFC 3339, truncated to microseconds. Raises GraphQLError with the reason."""
    found = DATE_TIME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise GraphQLError('DateTime must be a string such as "2026-02-28T09:30:00Z".')
    try:
        moment = _timestamp(found)
    except OverflowError:
        moment = None
    if moment is None or moment.year < FIRST_YEAR:
        raise GraphQLError("DateTime must be from the year 1000 to 9999, in UTC.")
    return moment


def _timestamp(found: re.Match[str]) -> datetime:
    day = _part("day", found["day"], date.fromisoformat)
    leap = found["seconds"] == "60"
    clock = _part("time", found["time"], lambda text: time.fromisoformat(text[:6] + "59" if leap else text))
    if found["offset"] is None:
        raise GraphQLError(f"{found.string} has no offset. Add Z for UTC, or one such as +01:00.")
    zone = _part("offset", found["offset"], lambda text: time.fromisoformat(f"00:00{text.upper()}").tzinfo)
    moment = datetime.combine(day, clock, zone).astimezone(UTC)
    if leap:
        # As in POSIX time, a leap second is the first second of the next month.
        moment += SECOND
        if (moment.day, moment.time()) != (1, time()):
            raise GraphQLError(f"No such time: {found['time']}. A leap second ends a month in UTC.")
    return moment.replace(microsecond=int((found["fraction"] or "")[:6].ljust(6, "0")))


def _part(name: str, text: str, read: Callable[[str], T]) -> T:
    try:
        return read(text)
    except ValueError:
        raise GraphQLError(f"No such {name}: {text}.") from None


def serialize_date_time(value: datetime) -> str:
    """`value` must be in UTC, as all times of rows are. isoformat is ten times faster than strftime."""
    return value.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def parse_currency(value: object) -> str:
    if not isinstance(value, str) or not CURRENCY.fullmatch(value):
        raise GraphQLError('CurrencyCode must be three capital letters, such as "EUR".')
    return value


def string_literal(parse: Callable[[object], Any]) -> Callable[..., Any]:
    """`parse` for literals in documents; accepts string literals only."""

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
            "Exact decimal number as a string, never a JSON number: an optional minus sign, digits "
            "without leading zeros, up to four decimal places. Returned without trailing zeros."
        ),
        serialize=money.as_text,
        parse_value=parse_decimal,
        parse_literal=string_literal(parse_decimal),
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description=(
            "Timestamp as in RFC 3339, with an offset, truncated to microseconds; a leap second counts "
            'as the next second. Returned in UTC, such as "2026-02-28T09:30:00.000000Z".'
        ),
        specified_by_url="https://datatracker.ietf.org/doc/html/rfc3339",
        serialize=serialize_date_time,
        parse_value=parse_date_time,
        parse_literal=string_literal(parse_date_time),
    ),
    CurrencyCode: strawberry.scalar(
        name="CurrencyCode",
        description="Currency code of ISO 4217: three capital letters. Withdrawn currencies are accepted.",
        specified_by_url="https://www.iso.org/iso-4217-currency-codes.html",
        serialize=str,
        parse_value=parse_currency,
        parse_literal=string_literal(parse_currency),
    ),
}
