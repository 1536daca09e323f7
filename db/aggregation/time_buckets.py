"""Time buckets: days, weeks and months of a time zone, across daylight saving changes.

They are computed here: SQLite has no time zones, and TiDB has them only once its tables are filled.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from db import errors

DAY, WEEK, MONTH = "DAY", "WEEK", "MONTH"
MAX_BUCKETS = 366
# A border may lie a month outside its span, and DateTime writes the years 1000 to 9999.
FIRST_YEAR, LAST_YEAR = 1001, 9998
SECOND = timedelta(seconds=1)


class Bucket(NamedTuple):
    """A day, a week from Monday on, or a month: from `start` on, and before `end`."""

    start: datetime
    end: datetime


def find_time_zone(name: str) -> ZoneInfo:
    """A zone of the tz database by its exact name. Raises UnknownTimeZone."""
    if name not in _names():
        raise errors.UnknownTimeZone(name)
    return ZoneInfo(name)


@cache
def _names() -> frozenset[str]:
    # Those of the package, the same on every machine; a system's own list has names of no zone.
    return frozenset(resources.files("tzdata").joinpath("zones").read_text().split())


def buckets_between(first: datetime, last: datetime, unit: str, find_time_zone: tzinfo) -> list[Bucket]:
    """The buckets from that which holds `first` to that which holds `last`, in order and without gaps.

    Empty if `last` is before `first`. Raises TooManyBuckets, and DateOutOfRange for years too far off.
    """
    if last < first:
        return []
    if first.year < FIRST_YEAR or last.year > LAST_YEAR:
        raise errors.DateOutOfRange
    days = _first_days(first.astimezone(find_time_zone).date(), last.astimezone(find_time_zone).date(), unit)
    # A day that the zone left out begins where the next one does.
    boundaries = sorted({start_of_day(day, find_time_zone) for day in days})
    found = [Bucket(*each) for each in pairwise(boundaries)]
    return [each for each in found if each.end > first and each.start <= last]


def start_of_day(day: date, find_time_zone: tzinfo) -> datetime:
    """The first moment of a day, in UTC: the first midnight of two, and where there is none, the next."""
    midnight = datetime.combine(day, time(), find_time_zone)
    start = midnight.astimezone(UTC)
    if start.astimezone(find_time_zone).replace(tzinfo=None) == midnight.replace(tzinfo=None):
        return start
    earliest, latest = midnight.replace(fold=1).astimezone(UTC), start
    return _change_between(earliest, latest, find_time_zone)


def _change_between(before: datetime, after: datetime, find_time_zone: tzinfo) -> datetime:
    """The moment in (before, after] at which the zone's clocks change."""
    offset = before.astimezone(find_time_zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // (2 * SECOND) * SECOND
        if middle.astimezone(find_time_zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after


def _first_days(first: date, last: date, unit: str) -> Iterator[date]:
    """The first days of the units from that of `first` to two after that of `last`.

    One more than it takes to end the last: a clock that goes back over midnight shows its day again.
    """
    numbers = range(_number(first, unit), _number(last, unit) + 1)
    if len(numbers) > MAX_BUCKETS:
        raise errors.TooManyBuckets
    return (_first_day(number, unit) for number in range(numbers.start, numbers.stop + 2))


def _number(day: date, unit: str) -> int:
    """Which day, week or month it is, counted through the calendar."""
    if unit == MONTH:
        return day.year * 12 + day.month - 1
    return day.toordinal() if unit == DAY else (day.toordinal() - 1) // 7


def _first_day(number: int, unit: str) -> date:
    if unit == MONTH:
        return date(number // 12, number % 12 + 1, 1)
    return date.fromordinal(number if unit == DAY else number * 7 + 1)
