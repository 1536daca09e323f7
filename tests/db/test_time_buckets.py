"""Days, weeks and months of time zones: their borders, above all where clocks change."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db import errors
from db.aggregation import time_buckets
from db.aggregation.time_buckets import Bucket

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Beirut"]
NEAR_CHANGES = st.one_of(
    st.datetimes(datetime(2021, 1, 1), datetime(2026, 12, 31)),
    st.sampled_from([datetime(2022, 3, 26, 22), datetime(2024, 9, 8, 4), datetime(2026, 3, 29, 1)]),
)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "day", "start", "end"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-28T23:00", "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-25", "2026-10-24T22:00", "2026-10-25T23:00"),
        ("America/New_York", "2026-03-08", "2026-03-08T05:00", "2026-03-09T04:00"),
        ("America/New_York", "2026-11-01", "2026-11-01T04:00", "2026-11-02T05:00"),
        ("Australia/Lord_Howe", "2026-10-04", "2026-10-03T13:30", "2026-10-04T13:00"),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-04T13:00", "2026-04-05T13:30"),
    ],
)
def test_a_day_on_which_clocks_change_is_shorter_or_longer(zone: str, day: str, start: str, end: str) -> None:
    """Both changes of a year, by an hour and by half of one."""
    (bucket,) = time_buckets.buckets_between(
        utc(f"{day}T12:00"), utc(f"{day}T12:00"), time_buckets.DAY, time_buckets.find_time_zone(zone)
    )

    assert Bucket(utc(start), utc(end)) == bucket


@pytest.mark.parametrize(
    ("zone", "day", "start"),
    [
        # The clock goes from 00:00 to 01:00.
        ("Asia/Beirut", date(2022, 3, 27), "2022-03-26T22:00"),
        ("America/Santiago", date(2024, 9, 8), "2024-09-08T04:00"),
        # It goes from 23:30 to 00:30.
        ("America/Toronto", date(1919, 3, 31), "1919-03-31T04:30"),
        # It goes back from 01:00 to 00:00, and from 00:01 to 23:01 of the day before.
        ("America/Havana", date(2026, 11, 1), "2026-11-01T04:00"),
        ("America/St_Johns", date(2006, 10, 29), "2006-10-29T02:30"),
    ],
)
def test_a_day_begins_with_its_first_moment(zone: str, day: date, start: str) -> None:
    """Also where there is no midnight, or two."""
    assert utc(start) == time_buckets.start_of_day(day, time_buckets.find_time_zone(zone))


def test_a_day_that_a_zone_left_out_is_no_bucket() -> None:
    """Samoa went from the 29th to the 31st of December 2011."""
    found = time_buckets.buckets_between(
        utc("2011-12-29T12:00"),
        utc("2011-12-31T12:00"),
        time_buckets.DAY,
        time_buckets.find_time_zone("Pacific/Apia"),
    )

    starts = [utc("2011-12-29T10:00"), utc("2011-12-30T10:00"), utc("2011-12-31T10:00")]
    assert starts == [bucket.start for bucket in found]


def test_a_moment_whose_clock_shows_yesterday_again_lies_in_todays_bucket() -> None:
    """In St John's, 2006-10-29 began, and a minute later it was 23:01 of the 28th again."""
    moment = utc("2006-10-29T03:00")
    (found,) = time_buckets.buckets_between(
        moment, moment, time_buckets.DAY, time_buckets.find_time_zone("America/St_Johns")
    )

    assert Bucket(utc("2006-10-29T02:30"), utc("2006-10-30T03:30")) == found


def test_weeks_begin_on_monday() -> None:
    """By ISO 8601: the 4th of January 2026 is a Sunday."""
    found = time_buckets.buckets_between(
        utc("2026-01-04T23:59"), utc("2026-01-05T00:00"), time_buckets.WEEK, UTC
    )

    assert [
        Bucket(utc("2025-12-29"), utc("2026-01-05")),
        Bucket(utc("2026-01-05"), utc("2026-01-12")),
    ] == found


def test_months_go_past_the_end_of_a_year() -> None:
    """Also in a zone whose year ends earlier than UTC's."""
    found = time_buckets.buckets_between(
        utc("2025-12-31T22:59"),
        utc("2025-12-31T23:00"),
        time_buckets.MONTH,
        time_buckets.find_time_zone("Europe/Berlin"),
    )

    assert [
        Bucket(utc("2025-11-30T23:00"), utc("2025-12-31T23:00")),
        Bucket(utc("2025-12-31T23:00"), utc("2026-01-31T23:00")),
    ] == found


@given(
    NEAR_CHANGES,
    NEAR_CHANGES,
    st.sampled_from(ZONES),
    st.sampled_from([time_buckets.WEEK, time_buckets.MONTH]),
)
def test_buckets_have_no_gaps_and_end_where_they_must(
    one: datetime, other: datetime, name: str, unit: str
) -> None:
    """The first holds the first moment, the last the last, and each begins on its first day."""
    first, last = sorted((one.replace(tzinfo=UTC), other.replace(tzinfo=UTC)))
    zone = time_buckets.find_time_zone(name)
    found = time_buckets.buckets_between(first, last, unit, zone)
    days = [bucket.start.astimezone(zone) for bucket in found]

    assert [bucket.end for bucket in found[:-1]] == [bucket.start for bucket in found[1:]]
    assert found[0].start <= first < found[0].end
    assert found[-1].start <= last < found[-1].end
    assert {1} == {day.day if unit == time_buckets.MONTH else day.isoweekday() for day in days}


@given(NEAR_CHANGES, st.integers(0, 40), st.sampled_from(ZONES))
def test_a_moment_lies_in_the_bucket_of_its_day(start: datetime, days: int, name: str) -> None:
    """What the zone's clock and calendar show at a moment is the day of its bucket."""
    zone = time_buckets.find_time_zone(name)
    first = start.replace(tzinfo=UTC)
    found = time_buckets.buckets_between(first, first + timedelta(days=days), time_buckets.DAY, zone)
    shown = [
        (
            bucket.start.astimezone(zone).date(),
            (bucket.end - timedelta(microseconds=1)).astimezone(zone).date(),
        )
        for bucket in found
    ]
    day = first.astimezone(zone).date()

    assert [(day + timedelta(days=n),) * 2 for n in range(len(found))] == shown
    assert abs(len(found) - days - 1) <= 1


def test_a_leap_year_of_days_is_the_most() -> None:
    """There are 366 buckets, and not one more; the year before has 365."""
    start, end = utc("2024-01-01"), utc("2024-12-31T23:59")

    assert 366 == len(time_buckets.buckets_between(start, end, time_buckets.DAY, UTC))
    with pytest.raises(errors.TooManyBuckets):
        time_buckets.buckets_between(start, end + timedelta(minutes=1), time_buckets.DAY, UTC)
    with pytest.raises(errors.TooManyBuckets):
        time_buckets.buckets_between(utc("1001-01-01"), utc("9998-12-31"), time_buckets.MONTH, UTC)


def test_nothing_lies_between_a_moment_and_an_earlier_one() -> None:
    """Then there is no bucket."""
    assert [] == time_buckets.buckets_between(utc("2026-01-02"), utc("2026-01-01"), time_buckets.DAY, UTC)


@pytest.mark.parametrize("year", [1001, 9998])
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Niue"])
@pytest.mark.parametrize("unit", ["DAY", "WEEK", "MONTH"])
def test_the_first_and_the_last_year_have_borders(year: int, zone: str, unit: str) -> None:
    """In the zones farthest from UTC, too."""
    moment = datetime(year, 1 if year == 1001 else 12, 1 if year == 1001 else 31, tzinfo=UTC)

    assert 1 == len(time_buckets.buckets_between(moment, moment, unit, time_buckets.find_time_zone(zone)))


@pytest.mark.parametrize("moment", ["1000-12-31T23:59", "9999-01-01"])
def test_years_too_far_off_are_refused(moment: str) -> None:
    """A border there might lie outside of what DateTime can say."""
    with pytest.raises(errors.DateOutOfRange):
        time_buckets.buckets_between(utc(moment), utc(moment), time_buckets.DAY, UTC)


@pytest.mark.parametrize(
    "name", ["", "Europe/Atlantis", "europe/berlin", "localtime", "right/UTC", "../UTC", "Europe", "\0", "é"]
)
def test_only_names_of_the_tz_database_are_zones(name: str) -> None:
    """Neither the machine's own zone nor a path is one."""
    with pytest.raises(errors.UnknownTimeZone):
        time_buckets.find_time_zone(name)
