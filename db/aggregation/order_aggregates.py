"""Order aggregates: counts and exact sums of orders, by groups that never mix two currencies."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from db import errors
from db.aggregation import time_buckets, time_ranges
from db.aggregation.sql_functions import BucketNumber, ExactSum
from db.aggregation.time_buckets import Bucket
from db.aggregation.time_ranges import TimeRange
from db.models import orders
from db.pagination import filters
from db.pagination.filters import MATCH_ALL, Compare, Condition, Every
from db.reader import Reader

MAX_GROUPS = 2_000
STATUS, CUSTOMER_ID = "status", "customer_id"
COUNT, TOTAL = "count", "total"
# Without it TiDB may read the whole table for a list of customers; each begins with customer_id.
BY_CUSTOMER = "USE INDEX ({})".format(
    ", ".join(sorted(str(each.name) for each in orders.indexes if each.columns.keys()[0] == CUSTOMER_ID))
)


@dataclass(frozen=True, slots=True)
class Summary:
    """What to sum up: which orders, by which of their columns, in which buckets, in which order.

    `sort` holds COUNT or TOTAL, each with whether it is descending; groups that it leaves equal, and all
    without it, go by bucket, status, currency and customer. Without a `limit` there are MOST_GROUPS at most.
    """

    where: Condition = MATCH_ALL
    columns: tuple[str, ...] = ()
    unit: str | None = None
    zone: tzinfo = UTC
    sort: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Orders in one currency: how many, and their exact sum. What they are not grouped by is None."""

    count: int
    amount: Decimal
    currency: str
    status: str | None = None
    customer_id: int | None = None
    bucket: Bucket | None = None


async def summarize(reader: Reader, summary: Summary) -> list[Group]:
    """The groups that have orders, in the summary's order.

    One statement, and one before it that asks for the oldest and the newest order, where buckets are wanted
    and `where` leaves one side of them open. Raises TooManyGroups, TooManyBuckets or DateOutOfRange.
    """
    if summary.unit is None:
        return await _groups(reader, summary, [])
    time_range = time_ranges.time_range_of(summary.where, "placed_at")
    if time_range.first is None or time_range.last is None:
        time_range &= await _stored_range(reader, summary.where)
    if time_range.first is None or time_range.last is None:
        return []
    buckets = time_buckets.buckets_between(time_range.first, time_range.last, summary.unit, summary.zone)
    return await _groups(reader, summary, buckets) if buckets else []


async def summarize_by_customer(
    reader: Reader, ids: Sequence[int], where: Condition
) -> dict[int, list[Group]]:
    """The groups of each customer's orders, by currency; a customer without orders is not among the keys."""
    statement = (
        sa.select(orders.c.customer_id, orders.c.currency, sa.func.count(), ExactSum(orders.c.total))
        .where(filters.clause(orders, Every((Compare(CUSTOMER_ID, "in_", tuple(ids)), where))))
        .with_hint(orders, BY_CUSTOMER, "mysql")
        .group_by(orders.c.customer_id, orders.c.currency)
        .order_by(orders.c.currency)
    )
    found: dict[int, list[Group]] = defaultdict(list)
    for customer_id, currency, count, amount in await reader.fetch(statement):
        found[customer_id].append(Group(count, amount, currency, customer_id=customer_id))
    return found


async def _stored_range(reader: Reader, where: Condition) -> TimeRange:
    """From the oldest to the newest order that meets `where`; open on both sides where none does."""
    found = sa.select(orders.c.placed_at).where(filters.clause(orders, where))
    ends = [found.order_by(order).limit(1).scalar_subquery() for order in _BOTH_ENDS]
    ((first, last),) = await reader.fetch(sa.select(*ends))
    return TimeRange(first, last)


_BOTH_ENDS = (orders.c.placed_at.asc(), orders.c.placed_at.desc())


async def _groups(reader: Reader, summary: Summary, buckets: Sequence[Bucket]) -> list[Group]:
    rows = await reader.fetch(_statement(summary, buckets))
    if summary.limit is None and len(rows) > MAX_GROUPS:
        raise errors.TooManyGroups
    names = (*summary.columns, "currency")
    groups = []
    for number, *values, count, amount in rows:
        grouped: dict[str, Any] = dict(zip(names, values, strict=True))
        groups.append(Group(count, amount, **grouped, bucket=buckets[number] if buckets else None))
    return groups


def _statement(summary: Summary, buckets: Sequence[Bucket]) -> sa.Select[Any]:
    """(bucket's number, the columns, currency, count, sum) a group."""
    columns = [orders.c[name] for name in (*summary.columns, "currency")]
    number = BucketNumber(orders.c.placed_at, buckets) if buckets else sa.null()
    where = summary.where
    if buckets:
        inside = Compare("placed_at", "gte", buckets[0].start), Compare("placed_at", "lt", buckets[-1].end)
        where = Every((where, *inside))
    sums = {COUNT: sa.func.count(), TOTAL: ExactSum(orders.c.total)}
    wanted = [sums[name].desc() if descending else sums[name] for name, descending in summary.sort]
    groups: list[Any] = ["bucket", *columns] if buckets else columns
    return (
        sa.select(number.label("bucket"), *columns, *sums.values())
        .where(filters.clause(orders, where))
        .group_by(*groups)
        .order_by(*wanted, *groups)
        .limit(MAX_GROUPS + 1 if summary.limit is None else summary.limit)
    )
