"""The time that a condition allows."""

from datetime import UTC, datetime, timedelta

import pytest

from db import errors
from db.aggregation import time_ranges
from db.aggregation.time_ranges import Span
from db.pagination.filters import EVERYTHING, Compare, Condition, Either, Every, Not

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def placed(operator: str, value: object) -> Compare:
    return Compare("placed_at", operator, value)


@pytest.mark.parametrize(
    ("condition", "span"),
    [
        (EVERYTHING, Span()),
        (placed("gte", NOON), Span(NOON, None)),
        (placed("gt", NOON), Span(NOON + MICROSECOND, None)),
        (placed("lte", NOON), Span(None, NOON)),
        (placed("lt", NOON), Span(None, NOON - MICROSECOND)),
        (placed("eq", NOON), Span(NOON, NOON)),
        (placed("ne", NOON), Span()),
        (Compare("created_at", "eq", NOON), Span()),
        (Every((placed("gte", NOON), Every((placed("lt", LATER),)))), Span(NOON, LATER - MICROSECOND)),
        (Every((placed("gte", NOON), placed("gte", LATER))), Span(LATER, None)),
        (Every((placed("lte", NOON), placed("lte", LATER))), Span(None, NOON)),
        (Either((placed("eq", NOON),)), Span()),
        (Not(placed("gte", NOON)), Span()),
    ],
)
def test_a_condition_has_the_span_of_its_conjunction(condition: Condition, span: Span) -> None:
    """What an `or` or a `not` says of time is left to the rows."""
    assert span == time_ranges.of(condition, "placed_at")


def test_a_span_past_the_last_moment_is_refused() -> None:
    """There is nothing after the end of the year 9999."""
    with pytest.raises(errors.BeyondCalendar):
        time_ranges.of(placed("gt", datetime.max.replace(tzinfo=UTC)), "placed_at")
