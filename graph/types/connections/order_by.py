"""`orderBy`: the sorts that an index supports; others are rejected."""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import strawberry

from db.pagination import filters
from db.pagination.filters import Condition
from db.pagination.sorts import CUSTOMER_SORTS, ORDER_SORTS, Sort
from graph.errors import BadUserInput


@strawberry.enum(description="Sort direction; null is the smallest value.")
class SortDirection(Enum):
    ASC = strawberry.enum_value("ASC", description="Ascending: smallest first.")
    DESC = strawberry.enum_value("DESC", description="Descending: largest first.")


@strawberry.enum(description="Fields that customers can be sorted by.")
class CustomerSortField(Enum):
    CREATED_AT = strawberry.enum_value("CREATED_AT", description="The time when the customer was created.")
    USERNAME = strawberry.enum_value("USERNAME", description="The username, by code point.")
    NAME = strawberry.enum_value("NAME", description="The name, by code point.")


@strawberry.enum(description="Fields that orders can be sorted by.")
class OrderSortField(Enum):
    PLACED_AT = strawberry.enum_value("PLACED_AT", description="The time when the order was placed.")
    CREATED_AT = strawberry.enum_value("CREATED_AT", description="The time when the order was created.")
    TOTAL = strawberry.enum_value("TOTAL", description="The total; requires one currency by eq in where.")
    STATUS = strawberry.enum_value("STATUS", description="The status by name; must be followed by PLACED_AT.")


@strawberry.input(description="A sort key for customers.")
class CustomerOrder:
    field: CustomerSortField = strawberry.field(description="The field to sort by.")
    direction: SortDirection = strawberry.field(
        default=SortDirection.ASC, description="The direction, the same for every sort key."
    )


@strawberry.input(description="A sort key for orders.")
class OrderOrder:
    field: OrderSortField = strawberry.field(description="The field to sort by.")
    direction: SortDirection = strawberry.field(
        default=SortDirection.ASC, description="The direction, the same for every sort key."
    )


SORTS: dict[str, tuple[Sort, ...]] = {"customers": CUSTOMER_SORTS, "orders": ORDER_SORTS}


def sort(table: str, order_by: Sequence[Any] | None, where: Condition) -> Sort:
    """The requested sort, by default the table's first one. Raises BadUserInput."""
    if not order_by:
        return SORTS[table][0]
    fields = tuple(part.field.value for part in order_by)
    directions = {part.direction for part in order_by}
    found = next((each for each in SORTS[table] if each.fields == fields), None)
    if found is None or len(directions) > 1:
        known = ", ".join("[" + ", ".join(each.fields) + "]" for each in SORTS[table])
        message = f"{table.capitalize()} cannot be sorted this way. Use one of {known}, in one direction."
        raise BadUserInput(message)
    missing = set(found.pinned) - filters.columns_compared_by_eq(where)
    if missing:
        raise BadUserInput(f"To sort by {fields[0]}, where must have one {missing.pop()} by eq.")
    return found.towards(descending=directions == {SortDirection.DESC})
