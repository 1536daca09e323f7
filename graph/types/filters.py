"""`where`: conditions on customers and on orders, across their relation, bounded in depth and size."""

from collections.abc import Iterator
from typing import Any

import strawberry

from db.filters import EVERYTHING, Compare, Condition, Either, Every, Not, Related
from graph.access.scopes import Scope
from graph.errors import BadUserInput
from graph.types.operators import (
    DateTimeFilter,
    IDFilter,
    IntFilter,
    MoneyFilter,
    OrderStatusFilter,
    StringFilter,
    bounded,
    compare,
    stored_amount,
    stored_enum,
    stored_id,
)
from graph.types.requires import requires

DEEPEST, MOST_CONDITIONS = 5, 50


def on(what: str, scope: Scope | None = None) -> Any:
    """A condition's field; left out or null, it asks for nothing."""
    return strawberry.field(
        default=strawberry.UNSET, description=f"Conditions on {what}.", directives=requires(scope)
    )


def combined(name: str, description: str) -> Any:
    return strawberry.field(name=name, default=strawberry.UNSET, description=description)


ALL = "All of these hold, at most 100; an empty list asks for nothing."
ANY = "At least one of these holds, at most 100; none does in an empty list, which finds nothing."
NONE = "This does not hold; an empty object always holds, so its opposite finds nothing."
BOUNDS = "At most 5 levels deep with 50 conditions in all; null or an empty object asks for nothing."


@strawberry.input(description=f"Conditions on customers, all of which must hold. {BOUNDS}")
class CustomerWhere:
    id: IDFilter | None = on("the id")
    username: StringFilter | None = on("the handle")
    name: StringFilter | None = on("the name")
    email: StringFilter | None = on("the e-mail address")
    version: IntFilter | None = on("the version")
    created_at: DateTimeFilter | None = on("when it was created")
    updated_at: DateTimeFilter | None = on("when it was last changed")
    archived_at: DateTimeFilter | None = on(
        "when it was archived; customers finds archived ones only with includeArchived, whatever this says"
    )
    orders: "OrdersFilter | None" = on("the customer's orders", Scope.ORDERS_READ)
    and_: "list[CustomerWhere] | None" = combined("and", ALL)
    or_: "list[CustomerWhere] | None" = combined("or", ANY)
    not_: "CustomerWhere | None" = combined("not", NONE)

    def conditions(self, depth: int) -> Iterator[Condition]:
        yield from columns(self, {"id": stored_id("Customer")})
        yield from combinations(self, depth)
        if self.orders:
            yield from self.orders.conditions(depth)


@strawberry.input(description="Conditions on the orders of a customer.")
class OrdersFilter:
    some: "OrderWhere | None" = combined("some", "At least one order meets this, or is there if it is empty.")
    none: "OrderWhere | None" = combined("none", "No order meets this, or is there if it is empty.")

    def conditions(self, depth: int) -> Iterator[Condition]:
        if self.some:
            yield Related("orders", decode(self.some, depth + 1))
        if self.none:
            yield Not(Related("orders", decode(self.none, depth + 1)))


@strawberry.input(description=f"Conditions on orders, all of which must hold. {BOUNDS}")
class OrderWhere:
    id: IDFilter | None = on("the id")
    reference: StringFilter | None = on("the reference")
    status: OrderStatusFilter | None = on("the status")
    total: MoneyFilter | None = on("the total")
    placed_at: DateTimeFilter | None = on("when it was placed")
    version: IntFilter | None = on("the version")
    created_at: DateTimeFilter | None = on("when it was created")
    updated_at: DateTimeFilter | None = on("when it was last changed")
    customer: CustomerWhere | None = on("the customer", Scope.CUSTOMERS_READ)
    and_: "list[OrderWhere] | None" = combined("and", ALL)
    or_: "list[OrderWhere] | None" = combined("or", ANY)
    not_: "OrderWhere | None" = combined("not", NONE)

    def conditions(self, depth: int) -> Iterator[Condition]:
        yield from columns(self, {"id": stored_id("Order"), "status": stored_enum})
        yield from combinations(self, depth)
        if self.total and self.total.amount:
            yield from compare("total", self.total.amount, stored_amount)
        if self.total and self.total.currency:
            yield from compare("currency", self.total.currency)
        if self.customer:
            yield from of_customer(self.customer, depth)


def condition(where: CustomerWhere | OrderWhere | None) -> Condition:
    """What `where` asks for. Raises BadUserInput when it is too deep or too large."""
    decoded = decode(where, 1) if where else EVERYTHING
    if size(decoded) > MOST_CONDITIONS:
        raise BadUserInput(f"where has at most {MOST_CONDITIONS} conditions.")
    return decoded


def decode(where: CustomerWhere | OrderWhere, depth: int) -> Condition:
    if depth > DEEPEST:
        raise BadUserInput(f"where is at most {DEEPEST} levels deep.")
    return Every(tuple(where.conditions(depth)))


def columns(where: Any, stored: dict[str, Any]) -> Iterator[Condition]:
    """Conditions on columns of the field's own name."""
    for name, sent in vars(where).items():
        if sent and isinstance(
            sent, IDFilter | StringFilter | IntFilter | DateTimeFilter | OrderStatusFilter
        ):
            yield from compare(name, sent, *([stored[name]] if name in stored else []))


def combinations(where: Any, depth: int) -> Iterator[Condition]:
    if where.and_:
        yield Every(tuple(decode(each, depth + 1) for each in bounded(where.and_)))
    if where.or_ is not strawberry.UNSET and where.or_ is not None:
        yield Either(tuple(decode(each, depth + 1) for each in bounded(where.or_)))
    if where.not_:
        yield Not(decode(where.not_, depth + 1))


def of_customer(where: CustomerWhere, depth: int) -> Iterator[Condition]:
    """A condition on nothing but the customer's id stands on the order's own column, and on its index."""
    related = decode(where, depth + 1)
    parts = related.parts if isinstance(related, Every) else ()
    if parts and all(isinstance(part, Compare) and part.column == "id" for part in parts):
        for part in parts:
            yield Compare("customer_id", part.operator, part.value)  # type: ignore[union-attr]
    else:
        yield Related("customer", related)


def size(condition: Condition) -> int:
    """How many comparisons and relations a condition has."""
    match condition:
        case Compare():
            return 1
        case Every(parts=parts) | Either(parts=parts):
            return sum(size(part) for part in parts)
        case Not(part=part):
            return size(part)
        case Related(part=part):
            return 1 + size(part)
