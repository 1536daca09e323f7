"""Spans: from which moment to which the rows that a condition allows can lie."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db import errors
from db.pagination.filters import Compare, Condition, Every

MICROSECOND = timedelta(microseconds=1)


class Span(NamedTuple):
    """From `first` to `last`, both included; None where it is open."""

    first: datetime | None = None
    last: datetime | None = None

    def __and__(self, other: "Span") -> "Span":
        """What lies in both."""
        firsts = [each.first for each in (self, other) if each.first]
        lasts = [each.last for each in (self, other) if each.last]
        return Span(max(firsts, default=None), min(lasts, default=None))


def of(condition: Condition, column: str) -> Span:
    """The span of `column`, by its comparisons in the outermost conjunction. Raises BeyondCalendar."""
    match condition:
        case Compare(column=name, operator=operator, value=value) if name == column:
            return _compared(operator, value)
        case Every(parts=parts):
            span = Span()
            for part in parts:
                span &= of(part, column)
            return span
        case _:
            return Span()


def _compared(operator: str, value: datetime) -> Span:
    try:
        match operator:
            case "eq":
                return Span(value, value)
            case "gt":
                return Span(first=value + MICROSECOND)
            case "gte":
                return Span(first=value)
            case "lt":
                return Span(last=value - MICROSECOND)
            case "lte":
                return Span(last=value)
            case _:
                return Span()
    except OverflowError as error:
        raise errors.BeyondCalendar from error
