"""Counts and exact sums, on both databases, against a plain reckoning in memory."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db import errors
from db.aggregation import order_aggregates, time_buckets
from db.aggregation.order_aggregates import COUNT, CUSTOMER_ID, STATUS, TOTAL, Group, Summary
from db.engine.database import Database
from db.models import Order, orders
from db.money import MAX_AMOUNT
from db.pagination.filters import MATCH_ALL, Compare, Condition, Every
from tests.factories import create_customer, create_order
from tests.plans.explain import Explain
from tests.shared_tidb import Statements

ZONES = {
    "Europe/Berlin": [datetime(2026, 3, 29, 1), datetime(2026, 10, 25, 1)],
    "America/New_York": [datetime(2026, 3, 8, 7), datetime(2026, 11, 1, 6)],
    "Australia/Lord_Howe": [datetime(2026, 4, 4, 15), datetime(2026, 10, 3, 15, 30)],
    "America/Santiago": [datetime(2026, 4, 5, 3), datetime(2026, 9, 6, 4)],
    "UTC": [datetime(2026, 1, 1)],
}
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
WRITTEN = {"version": 1, "created_at": NEW_YEAR, "updated_at": NEW_YEAR}


@st.composite
def placed_around_a_change(draw: st.DrawFn, zone: str) -> datetime:
    """A moment within two days of a change of clocks, often exactly on an hour, or just before it."""
    hours = draw(st.integers(-48, 48))
    off = draw(st.sampled_from([0, -1, 1, 1_799_999_999]))
    moment = draw(st.sampled_from(ZONES[zone])) + timedelta(hours=hours, microseconds=off)
    return moment.replace(tzinfo=UTC)


@st.composite
def some_orders(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A zone, and orders around its changes; customers are numbers from 0 on."""
    zone = draw(st.sampled_from(sorted(ZONES)))
    order = st.fixed_dictionaries(
        {
            "customer_id": st.integers(0, 2),
            "status": st.sampled_from(["PENDING", "PAID", "REFUNDED"]),
            "currency": st.sampled_from(["EUR", "USD"]),
            "total": st.one_of(st.just(MAX_AMOUNT), st.decimals(0, 100, places=4)),
            "placed_at": placed_around_a_change(zone),
        }
    )
    return zone, draw(st.lists(order, min_size=1, max_size=25))


async def store(database: Database, owners: Sequence[int], rows: Sequence[dict[str, Any]]) -> None:
    """These orders and no others, each of the owner that its customer_id counts to."""
    owned = [{**WRITTEN, **row, "customer_id": owners[row["customer_id"]]} for row in rows]

    async def replace(transaction: Any) -> None:
        await transaction.execute(orders.delete())
        await transaction.execute(orders.insert(), owned)

    await database.write(replace)


def reckoned(rows: Sequence[Any], *columns: str, zone: Any = UTC, unit: str | None = None) -> dict[Any, Any]:
    """Count and sum by currency, columns and the local day, week or month that each was placed in."""
    found: dict[Any, tuple[int, Decimal]] = defaultdict(lambda: (0, Decimal(0)))
    for row in rows:
        shown = row.placed_at.astimezone(zone).date()
        time = {
            None: None,
            time_buckets.DAY: shown,
            time_buckets.WEEK: shown - timedelta(days=shown.weekday()),
            time_buckets.MONTH: shown.replace(day=1),
        }[unit]
        key = (row.currency, *(getattr(row, name) for name in columns), time)
        count, total = found[key]
        found[key] = (count + 1, total + row.total)
    return dict(found)


def keyed(groups: Sequence[Group], *columns: str, zone: Any = UTC) -> dict[Any, Any]:
    return {
        (
            group.currency,
            *(getattr(group, name) for name in columns),
            group.bucket and group.bucket.start.astimezone(zone).date(),
        ): (group.count, group.amount)
        for group in groups
    }


@pytest.fixture
async def owners(database: Database) -> list[int]:
    """The ids of three customers."""
    return [(await create_customer(database)).id for _ in range(3)]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    some_orders(),
    st.sampled_from([(), (STATUS,), (CUSTOMER_ID,), (STATUS, CUSTOMER_ID)]),
    st.sampled_from([None, time_buckets.DAY, time_buckets.DAY, time_buckets.WEEK, time_buckets.MONTH]),
    st.booleans(),
)
async def test_groups_are_what_a_plain_reckoning_finds(
    database: Database,
    owners: list[int],
    drawn: tuple[str, list[dict[str, Any]]],
    columns: tuple[str, ...],
    unit: str | None,
    filtered: bool,
) -> None:
    """By any columns and any unit of time, with a filter and without, with times around changes of clocks."""
    name, wanted = drawn
    zone = time_buckets.find_time_zone(name)
    await store(database, owners, wanted)
    reader = database.reader()
    rows = [Order._make(row) for row in await reader.fetch(sa.select(*orders.c))]
    where: Condition = MATCH_ALL
    if filtered:
        since = wanted[0]["placed_at"]
        where = Every((Compare("status", "eq", "PAID"), Compare("placed_at", "gte", since)))
        rows = [row for row in rows if row.status == "PAID" and row.placed_at >= since]
    found = await order_aggregates.summarize(reader, Summary(where, columns, unit, zone))
    stats = await order_aggregates.summarize_by_customer(reader, owners, where)
    of_all = [group for groups in stats.values() for group in groups]

    assert reckoned(rows, *columns, zone=zone, unit=unit) == keyed(found, *columns, zone=zone)
    assert reckoned(rows, CUSTOMER_ID) == keyed(of_all, CUSTOMER_ID)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_sums_past_the_largest_integer_are_exact(database: Database, owners: list[int]) -> None:
    """On SQLite, where 16,384 of the largest amounts are more than what an integer holds."""
    fixed = {"status": "PAID", "currency": "EUR", "placed_at": NEW_YEAR, "total": MAX_AMOUNT}
    await store(database, owners, [fixed | {"customer_id": n} for n in (0, 1)])
    columns = [column for column in orders.c if column.name != "id"]
    for _ in range(14):
        again = orders.insert().from_select(columns, sa.select(*columns))
        await database.write(lambda transaction, again=again: transaction.execute(again))
    cent = {**fixed, "customer_id": owners[1], "total": Decimal("0.0001"), **WRITTEN}
    await database.write(lambda transaction: transaction.insert(orders, cent))
    reader = database.reader()
    half, count = MAX_AMOUNT * 2**14, 2**14
    more = half + Decimal("0.0001")
    by_total = Summary(columns=(CUSTOMER_ID,), sort=((TOTAL, True),), limit=9)

    assert 2**63 - 1 < half.scaleb(4)
    assert [Group(2 * count + 1, half + more, "EUR")] == await order_aggregates.summarize(reader, Summary())
    assert [(owners[1], more), (owners[0], half)] == [
        (group.customer_id, group.amount) for group in await order_aggregates.summarize(reader, by_total)
    ]
    assert {
        owners[0]: [Group(count, half, "EUR", customer_id=owners[0])]
    } == await order_aggregates.summarize_by_customer(reader, owners[:1], MATCH_ALL)


async def test_groups_come_in_the_order_of_their_sums(database: Database, owners: list[int]) -> None:
    """By number and not by digits, and where that is equal, by what they are grouped by."""
    amounts = [(0, "10"), (1, "9.9999"), (2, "9.5"), (2, "0.5")]
    fixed = {"status": "PAID", "currency": "EUR", "placed_at": NEW_YEAR}
    rows = [fixed | {"customer_id": owner, "total": Decimal(amount)} for owner, amount in amounts]
    await store(database, owners, rows)
    found = []
    for sort in (((TOTAL, True),), ((TOTAL, False),), ((COUNT, True), (TOTAL, False)), ((COUNT, False),)):
        groups = await order_aggregates.summarize(
            database.reader(), Summary(columns=(CUSTOMER_ID,), sort=sort, limit=2)
        )
        found.append([owners.index(group.customer_id or 0) for group in groups])
    by_id = sorted((0, 1), key=lambda place: owners[place])
    equal = sorted((0, 2), key=lambda place: owners[place])

    assert [equal, [1, equal[0]], [2, 1], by_id] == found


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_more_groups_than_are_shown_are_refused(database: Database, owners: list[int]) -> None:
    """They are never cut off, unless a limit asks for it."""
    fixed = {"status": "PAID", "placed_at": NEW_YEAR, "total": Decimal(1)}
    rows = [
        fixed | {"customer_id": n % 3, "currency": f"A{chr(65 + n // 3 % 26)}{chr(65 + n // 78)}"}
        for n in range(2001)
    ]
    await store(database, owners, rows)
    reader = database.reader()

    with pytest.raises(errors.TooManyGroups):
        await order_aggregates.summarize(reader, Summary(columns=(CUSTOMER_ID,)))
    assert 5 == len(await order_aggregates.summarize(reader, Summary(columns=(CUSTOMER_ID,), limit=5)))
    assert 667 == len(await order_aggregates.summarize(reader, Summary()))


async def test_an_open_side_of_time_takes_one_more_statement(
    database: Database, statements: Statements
) -> None:
    """It asks for the oldest and the newest order; nothing is asked where there is no time left."""
    owner = await create_customer(database)
    await create_order(database, owner, placed_at=datetime(2026, 3, 1, tzinfo=UTC))
    await create_order(database, owner, placed_at=datetime(2026, 3, 3, tzinfo=UTC))
    first = Compare("placed_at", "gte", datetime(2026, 3, 2, tzinfo=UTC))
    last = Compare("placed_at", "lt", datetime(2026, 3, 4, tzinfo=UTC))
    none = Compare("placed_at", "lt", datetime(2026, 3, 2, tzinfo=UTC))
    counts = []
    for where in (MATCH_ALL, first, Every((first, last)), Every((first, none)), Compare("id", "eq", -1)):
        statements.clear()
        found = await order_aggregates.summarize(database.reader(), Summary(where, unit=time_buckets.DAY))
        counts.append((len(statements), [group.count for group in found]))

    assert [(2, [1, 1]), (2, [1]), (1, [1]), (0, []), (1, [])] == counts


@pytest.mark.parametrize("database_url", [pytest.param("asyncmy", marks=pytest.mark.tidb)], indirect=True)
async def test_stats_read_the_index_ranges_of_their_customers(database: Database, owners: list[int]) -> None:
    """Also where they own most orders, and TiDB would read the whole table, were the indexes not named."""
    row = {"status": "PAID", "currency": "EUR", "placed_at": NEW_YEAR, "total": Decimal(1)}
    await store(database, owners, [row | {"customer_id": n % 3} for n in range(300)])
    async with database.reads.connect() as connection:
        await connection.exec_driver_sql("ANALYZE TABLE orders")
    with Explain(database) as explain:
        for where in (
            MATCH_ALL,
            Compare("currency", "eq", "EUR"),
            Compare("placed_at", "gte", NEW_YEAR),
            Compare("status", "eq", "PAID"),
            Compare("reference", "starts_with", "A"),
        ):
            await order_aggregates.summarize_by_customer(database.reader(), owners[:2], where)
    plans = await explain.plans()
    scans = [[step for step in plan if re.search("FullScan|RangeScan", step.operator)] for plan in plans]

    assert [1] * 5 == [len(each) for each in scans]
    for (scan,) in scans:
        assert "IndexRangeScan" == scan.operator
        assert scan.index.startswith("ix_orders_customer_id_")
    # Without a condition on anything else, the orders themselves are not read.
    assert any(step.operator == "IndexReader" for step in plans[0])
