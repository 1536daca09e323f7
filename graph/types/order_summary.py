"""`orderSummary`: order aggregates grouped by status, customer, currency and time bucket."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from db.aggregation import order_aggregates, time_buckets
from db.aggregation.order_aggregates import Summary
from db.pagination import filters
from db.pagination.filters import Condition
from graph import loaders
from graph.auth.scopes import Scope
from graph.errors import BadUserInput
from graph.types import field_costs
from graph.types.connections.connection import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE
from graph.types.connections.order_by import SortDirection
from graph.types.connections.where import OrderWhere, condition
from graph.types.field_costs import FieldCost
from graph.types.fields import Load, argument, batched, column, computed, relation
from graph.types.money import Money
from graph.types.objects import Customer
from graph.types.order_stats import COUNT, TOTAL, total
from graph.types.order_status import OrderStatus


@strawberry.enum(description="What orders can be grouped by; at most one of DAY, WEEK and MONTH.")
class OrderGroup(Enum):
    STATUS = strawberry.enum_value("STATUS", description="Where the orders stand.")
    CURRENCY = strawberry.enum_value("CURRENCY", description="The currency, as always, named or not.")
    CUSTOMER = strawberry.enum_value("CUSTOMER", description="Who placed the orders.")
    DAY = strawberry.enum_value("DAY", description="The day of placedAt in timeZone.")
    WEEK = strawberry.enum_value("WEEK", description="The ISO week of placedAt, from Monday on, in timeZone.")
    MONTH = strawberry.enum_value("MONTH", description="The month of placedAt in timeZone.")


@strawberry.enum(description="What groups of orders can be sorted by.")
class OrderSummarySortField(Enum):
    COUNT = strawberry.enum_value("COUNT", description="How many orders the group has.")
    TOTAL = strawberry.enum_value("TOTAL", description="The sum; where must then name one currency by eq.")


@strawberry.input(description="One part of a sort of groups of orders.")
class OrderSummaryOrder:
    field: OrderSummarySortField = strawberry.field(description="What to sort by.")
    direction: SortDirection = strawberry.field(default=SortDirection.ASC, description="Which way.")


@strawberry.type(description="A day, week or month of a time zone.")
class Bucket:
    start: datetime = column("Its first moment.")
    end: datetime = column("The first moment after it.")


@strawberry.type(description="One group of orders, all in one currency.")
class OrderSummary:
    status: OrderStatus | None = column("Where the orders stand, null unless grouped by STATUS.")
    customer: Customer | None = relation(
        loaders.customers_by_id,
        key="customer_id",
        scope=Scope.CUSTOMERS_READ,
        description="Who placed the orders, null unless grouped by CUSTOMER.",
    )
    bucket: Bucket | None = column("When they were placed, null unless grouped by DAY, WEEK or MONTH.")
    count: int = column(COUNT)
    total: Money = computed(total, "amount", "currency", description=TOTAL)


COLUMNS = {OrderGroup.STATUS: order_aggregates.STATUS, OrderGroup.CUSTOMER: order_aggregates.CUSTOMER_ID}
UNITS = {
    OrderGroup.DAY: time_buckets.DAY,
    OrderGroup.WEEK: time_buckets.WEEK,
    OrderGroup.MONTH: time_buckets.MONTH,
}
SORTED_BY = {
    OrderSummarySortField.COUNT: order_aggregates.COUNT,
    OrderSummarySortField.TOTAL: order_aggregates.TOTAL,
}
MOST_FIRST = ((order_aggregates.COUNT, True),)

ARGUMENTS = [
    argument("where", OrderWhere | None, "Only the orders that meet these conditions."),
    argument(
        "group_by",
        list[OrderGroup] | None,
        "What to group by besides the currency; by the currency alone if left out. At most one of DAY, WEEK "
        "and MONTH, and 366 days, weeks or months: from the placedAt that where begins with to the one that "
        "it ends with, or the oldest and newest order's.",
    ),
    argument(
        "time_zone",
        str | None,
        'Whose days, weeks and months: a name of the tz database, such as "Europe/Berlin".',
        default="UTC",
    ),
    argument(
        "order_by",
        list[OrderSummaryOrder] | None,
        "If left out, groups by CUSTOMER have the largest count first. Groups that are equal in this go by "
        "bucket, status, customer and currency.",
    ),
    argument(
        "first",
        int | None,
        "How many groups: 100 at most. If left out, 20 of groups by CUSTOMER, and of others all; "
        "more than 2000 are then an error.",
    ),
]


def order_summary(*, description: str) -> Any:
    """The root field `orderSummary`."""
    return batched(
        loaders.order_summary,
        plan,
        ARGUMENTS,
        scope=Scope.ORDERS_READ,
        description=description,
        cost=cost,
    )


def plan(_root: Any, arguments: Mapping[str, Any]) -> Load:
    return Load(None, (parse_summary(arguments),))


def cost(arguments: Mapping[str, Any]) -> FieldCost:
    return field_costs.summary(parse_summary(arguments).limit)


def parse_summary(arguments: Mapping[str, Any]) -> Summary:
    """The arguments as a Summary. Raises BadUserInput or UnknownTimeZone."""
    where = condition(OrderWhere, arguments.get("where"))
    groups = set(arguments.get("group_by") or ())
    zone = arguments.get("time_zone")
    by_customer = OrderGroup.CUSTOMER in groups
    return Summary(
        where,
        tuple(name for group, name in COLUMNS.items() if group in groups),
        time_unit(groups),
        time_buckets.find_time_zone("UTC" if zone is None else zone),
        parse_sort(arguments.get("order_by"), where) or (MOST_FIRST if by_customer else ()),
        limit(arguments.get("first"), by_customer=by_customer),
    )


def time_unit(groups: set[OrderGroup]) -> str | None:
    """DAY, WEEK or MONTH, if grouped by one. Raises BadUserInput for two of them."""
    units = [name for group, name in UNITS.items() if group in groups]
    if len(units) > 1:
        raise BadUserInput("groupBy takes one of DAY, WEEK and MONTH.")
    return units[0] if units else None


def parse_sort(
    order_by: Sequence[OrderSummaryOrder] | None, where: Condition
) -> tuple[tuple[str, bool], ...]:
    """(column, descending) pairs. Raises BadUserInput."""
    parts = tuple((SORTED_BY[each.field], each.direction is SortDirection.DESC) for each in order_by or ())
    names = [name for name, _ in parts]
    if len(set(names)) < len(names):
        raise BadUserInput("orderBy names each field once.")
    if order_aggregates.TOTAL in names and "currency" not in filters.columns_compared_by_eq(where):
        raise BadUserInput("To sort by TOTAL, where must name one currency by eq.")
    return parts


def limit(first: int | None, *, by_customer: bool) -> int | None:
    """The maximum number of groups, None for all. Raises BadUserInput."""
    if first is None:
        return DEFAULT_PAGE_SIZE if by_customer else None
    if not 0 <= first <= MAX_PAGE_SIZE:
        raise BadUserInput(f"first must be from 0 to {MAX_PAGE_SIZE}.")
    return first
