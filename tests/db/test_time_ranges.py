"""The time that a condition allows."""

from datetime import UTC, datetime, timedelta

import pytest

from db import errors
from db.aggregation import time_ranges
from db.aggregation.time_ranges import TimeRange
from db.pagination.filters import MATCH_ALL, Compare, Condition, Either, Every, Not

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def placed(operator: str, value: object) -> Compare:
    return Compare("placed_at", operator, value)


@pytest.mark.parametrize(
    ("condition", "span"),
    [
        (MATCH_ALL, TimeRange()),
        (placed("gte", NOON), TimeRange(NOON, None)),
        (placed("gt", NOON), TimeRange(NOON + MICROSECOND, None)),
        (placed("lte", NOON), TimeRange(None, NOON)),
        (placed("lt", NOON), TimeRange(None, NOON - MICROSECOND)),
        (placed("eq", NOON), TimeRange(NOON, NOON)),
        (placed("ne", NOON), TimeRange()),
        (Compare("created_at", "eq", NOON), TimeRange()),
        (Every((placed("gte", NOON), Every((placed("lt", LATER),)))), TimeRange(NOON, LATER - MICROSECOND)),
        (Every((placed("gte", NOON), placed("gte", LATER))), TimeRange(LATER, None)),
        (Every((placed("lte", NOON), placed("lte", LATER))), TimeRange(None, NOON)),
        (Either((placed("eq", NOON),)), TimeRange()),
        (Not(placed("gte", NOON)), TimeRange()),
    ],
)
def test_a_condition_has_the_span_of_its_conjunction(condition: Condition, span: TimeRange) -> None:
    """What an `or` or a `not` says of time is left to the rows."""
    assert span == time_ranges.time_range_of(condition, "placed_at")


def test_a_span_past_the_last_moment_is_refused() -> None:
    """There is nothing after the end of the year 9999."""
    with pytest.raises(errors.DateOutOfRange):
        time_ranges.time_range_of(placed("gt", datetime.max.replace(tzinfo=UTC)), "placed_at")
