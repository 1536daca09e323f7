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


@strawberry.enum(description="Groups of orders; at most one of DAY, WEEK and MONTH.")
class OrderGroup(Enum):
    STATUS = strawberry.enum_value("STATUS", description="The status of the orders.")
    CURRENCY = strawberry.enum_value("CURRENCY", description="The currency. Orders are always grouped by it.")
    CUSTOMER = strawberry.enum_value("CUSTOMER", description="The customer who placed the orders.")
    DAY = strawberry.enum_value("DAY", description="The day of placedAt in timeZone.")
    WEEK = strawberry.enum_value(
        "WEEK", description="The ISO week of placedAt in timeZone, starting on Monday."
    )
    MONTH = strawberry.enum_value("MONTH", description="The month of placedAt in timeZone.")


@strawberry.enum(description="Values that groups of orders can be sorted by.")
class OrderSummarySortField(Enum):
    COUNT = strawberry.enum_value("COUNT", description="The number of orders.")
    TOTAL = strawberry.enum_value(
        "TOTAL", description="The sum of the totals; requires one currency by eq in where."
    )


@strawberry.input(description="A sort key for groups of orders.")
class OrderSummaryOrder:
    field: OrderSummarySortField = strawberry.field(description="The field to sort by.")
    direction: SortDirection = strawberry.field(default=SortDirection.ASC, description="The direction.")


@strawberry.type(description="A day, week or month in a time zone.")
class Bucket:
    start: datetime = column("The start, inclusive.")
    end: datetime = column("The end, exclusive.")


@strawberry.type(description="A group of orders in one currency.")
class OrderSummary:
    status: OrderStatus | None = column("The status of the orders; null unless grouped by STATUS.")
    customer: Customer | None = relation(
        loaders.customers_by_id,
        key="customer_id",
        scope=Scope.CUSTOMERS_READ,
        description="The customer who placed the orders; null unless grouped by CUSTOMER.",
    )
    bucket: Bucket | None = column(
        "The day, week or month of placedAt; null unless grouped by DAY, WEEK or MONTH."
    )
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
    argument("where", OrderWhere | None, "Include only orders that match this filter."),
    argument(
        "group_by",
        list[OrderGroup] | None,
        "Groups besides the currency. At most one of DAY, WEEK and MONTH, and at most 366 buckets, "
        "counted from the first placedAt that where allows to the last, or from the oldest order to"
        " the newest.",
    ),
    argument(
        "time_zone",
        str | None,
        'Time zone of days, weeks and months: a name of the tz database, such as "Europe/Berlin".',
        default="UTC",
    ),
    argument(
        "order_by",
        list[OrderSummaryOrder] | None,
        "Sort order of the groups. If omitted, groups by CUSTOMER have the largest count first. "
        "Ties are sorted by bucket, status, customer and currency.",
    ),
    argument(
        "first",
        int | None,
        "Maximum number of groups: 100 at most. If omitted, 20 groups by CUSTOMER, and all groups "
        "otherwise; more than 2000 are an error.",
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
        raise BadUserInput("groupBy must have at most one of DAY, WEEK and MONTH.")
    return units[0] if units else None


def parse_sort(
    order_by: Sequence[OrderSummaryOrder] | None, where: Condition
) -> tuple[tuple[str, bool], ...]:
    """(column, descending) pairs. Raises BadUserInput."""
    parts = tuple((SORTED_BY[each.field], each.direction is SortDirection.DESC) for each in order_by or ())
    names = [name for name, _ in parts]
    if len(set(names)) < len(names):
        raise BadUserInput("orderBy must not repeat a field.")
    if order_aggregates.TOTAL in names and "currency" not in filters.columns_compared_by_eq(where):
        raise BadUserInput("To sort by TOTAL, where must have one currency by eq.")
    return parts


def limit(first: int | None, *, by_customer: bool) -> int | None:
    """The maximum number of groups, None for all. Raises BadUserInput."""
    if first is None:
        return DEFAULT_PAGE_SIZE if by_customer else None
    if not 0 <= first <= MAX_PAGE_SIZE:
        raise BadUserInput(f"first must be from 0 to {MAX_PAGE_SIZE}.")
    return first
