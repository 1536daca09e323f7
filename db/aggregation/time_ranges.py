"""Time ranges: the earliest and the latest timestamp that a condition allows for a column."""

from datetime import datetime, timedelta
from typing import NamedTuple

from db import errors
from db.pagination.filters import Compare, Condition, Every

MICROSECOND = timedelta(microseconds=1)


class TimeRange(NamedTuple):
    """From `first` to `last`, both included; None where it is open."""

    first: datetime | None = None
    last: datetime | None = None

    def __and__(self, other: "TimeRange") -> "TimeRange":
        """The intersection."""
        firsts = [each.first for each in (self, other) if each.first]
        lasts = [each.last for each in (self, other) if each.last]
        return TimeRange(max(firsts, default=None), min(lasts, default=None))


def time_range_of(condition: Condition, column: str) -> TimeRange:
    """The span of `column`, by its comparisons in the outermost conjunction. Raises DateOutOfRange."""
    match condition:
        case Compare(column=name, operator=operator, value=value) if name == column:
            return _compared(operator, value)
        case Every(parts=parts):
            time_range = TimeRange()
            for part in parts:
                time_range &= time_range_of(part, column)
            return time_range
        case _:
            return TimeRange()


def _compared(operator: str, value: datetime) -> TimeRange:
    try:
        match operator:
            case "eq":
                return TimeRange(value, value)
            case "gt":
                return TimeRange(first=value + MICROSECOND)
            case "gte":
                return TimeRange(first=value)
            case "lt":
                return TimeRange(last=value - MICROSECOND)
            case "lte":
                return TimeRange(last=value)
            case _:
                return TimeRange()
    except OverflowError as error:
        raise errors.DateOutOfRange from error
