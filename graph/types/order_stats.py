"""`Customer.orderStats`: count and total of a customer's orders by currency."""

from collections.abc import Mapping
from typing import Any

import strawberry

from db.aggregation.order_aggregates import Group
from db.money import Money as MoneyRow
from db.pagination import filters
from db.pagination.filters import Condition
from graph import loaders
from graph.auth.scopes import Scope
from graph.types import field_costs
from graph.types.arguments import once
from graph.types.connections.where import OrderWhere, condition
from graph.types.field_costs import FieldCost
from graph.types.fields import Load, argument, batched, column, computed
from graph.types.money import Money

COUNT = "The number of orders."
TOTAL = "The exact sum of the totals."


def total(group: Group) -> MoneyRow:
    return MoneyRow(group.amount, group.currency)


@strawberry.type(description="Count and sum of a customer's orders in one currency.")
class OrderStats:
    count: int = column(COUNT)
    total: Money = computed(total, "amount", "currency", description=TOTAL)


def stats_plan(customer: Any, arguments: Mapping[str, Any]) -> Load:
    return Load(customer.id, (once(where_condition, arguments),))


def stats_cost(arguments: Mapping[str, Any]) -> FieldCost:
    return field_costs.stats(nested=not filters.has_relation_filter(once(where_condition, arguments)))


def where_condition(arguments: Mapping[str, Any]) -> Condition:
    return condition(OrderWhere, arguments.get("where"))


def order_stats(*, description: str) -> Any:
    """The field `orderStats`: one statement for all customers of a level."""
    where = argument("where", OrderWhere | None, "Include only orders that match this filter.")
    return batched(
        loaders.order_stats_by_customer_id,
        stats_plan,
        [where],
        scope=Scope.ORDERS_READ,
        description=description,
        cost=stats_cost,
        columns=("id",),
    )
