"""`where`: conditions on customers and on orders, across their relation, bounded in depth and size."""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import strawberry
from strawberry.utils.str_converters import to_camel_case

from db import unique_text
from db.pagination.filters import (
    MATCH_ALL,
    Compare,
    Condition,
    Either,
    Every,
    Not,
    Related,
    truncate_for_comparison,
)
from graph.auth.scopes import Scope
from graph.errors import BadUserInput
from graph.types.connections.operators import (
    DateTimeFilter,
    IDFilter,
    IntFilter,
    MoneyFilter,
    OrderStatusFilter,
    StringFilter,
    bounded,
    compare,
    same,
    stored_amount,
    stored_enum,
    stored_id,
)
from graph.types.requires_scope import requires

DEEPEST, MOST_CONDITIONS, MOST_OBJECTS = 5, 50, 500
TOO_MANY_OBJECTS = f"where has at most {MOST_OBJECTS} objects, empty ones included."


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
BOUNDS = (
    "At most 5 levels deep with 50 conditions and 500 objects in all. "
    "Null or an empty object asks for nothing."
)


@strawberry.input(description=f"Conditions on customers, all of which must hold. {BOUNDS}")
class CustomerWhere:
    id: IDFilter | None = on("the id")
    username: StringFilter | None = on("the handle")
    name: StringFilter | None = on("the name")
    email: StringFilter | None = on("the e-mail address, compared without case")
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


@strawberry.input(description="Conditions on the orders of a customer.")
class OrdersFilter:
    some: "OrderWhere | None" = combined("some", "At least one order meets this, or is there if it is empty.")
    none: "OrderWhere | None" = combined("none", "No order meets this, or is there if it is empty.")


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


# The filter of each table's rows.
WHERES = {"customers": CustomerWhere, "orders": OrderWhere}


def condition(kind: type, where: Mapping[str, Any] | None) -> Condition:
    """The condition of a filter of an input type, as graphql-core has coerced it.

    Raises BadUserInput when it is too deep or too large.
    """
    if where is None:
        return MATCH_ALL
    if objects(where) > MOST_OBJECTS:
        raise BadUserInput(TOO_MANY_OBJECTS)
    decoded = decode(kind, where, 1)
    if size(decoded) > MOST_CONDITIONS:
        raise BadUserInput(f"where has at most {MOST_CONDITIONS} conditions.")
    return decoded


def objects(where: Mapping[str, Any]) -> int:
    """How many objects a filter holds, itself and the operators of each column included."""
    count, waiting = 0, [where]
    while waiting and count <= MOST_OBJECTS:
        count += 1
        for value in waiting.pop().values():
            if isinstance(value, Mapping):
                waiting.append(value)
            elif isinstance(value, list):
                waiting += [each for each in value if isinstance(each, Mapping)]
    return count


def decode(kind: type, where: Mapping[str, Any], depth: int) -> Condition:
    """All parts of a filter, always in the same order: the cursors of a connection depend on it."""
    if depth > DEEPEST:
        raise BadUserInput(f"where is at most {DEEPEST} levels deep.")
    return Every(tuple(parts(kind, where, depth)))


def parts(kind: type, where: Mapping[str, Any], depth: int) -> Iterator[Condition]:
    for name, column in columns(kind).items():
        if sent := where.get(name):
            yield from compare(
                column.name, sent, column.stored, has_null=column.has_null, stored_part=column.stored_part
            )
    yield from combinations(kind, where, depth)
    total = where.get("total") or {}
    if amount := total.get("amount"):
        yield from compare("total", amount, stored_amount)
    if currency := total.get("currency"):
        yield from compare("currency", currency)
    related = where.get("orders") or {}
    if (some := related.get("some")) is not None:
        yield Related("orders", decode(OrderWhere, some, depth + 1))
    if (none := related.get("none")) is not None:
        yield Not(Related("orders", decode(OrderWhere, none, depth + 1)))
    if (customer := where.get("customer")) is not None:
        yield from of_customer(customer, depth)


class Column(NamedTuple):
    """A column with a filter of its own name; `stored` turns a value into what the column holds.

    `stored_part` turns one into a part of that.
    """

    name: str
    stored: Callable[[Any], Any]
    has_null: bool
    stored_part: Callable[[Any], Any] = truncate_for_comparison


@lru_cache
def columns(kind: type) -> dict[str, Column]:
    """The columns that an input type compares, by the fields' names in the schema, in its order."""
    row_ids = stored_id("Customer" if kind is CustomerWhere else "Order")
    stored: dict[Any, Callable[[Any], Any]] = {
        IDFilter: row_ids,
        StringFilter: truncate_for_comparison,
        IntFilter: same,
        DateTimeFilter: same,
        OrderStatusFilter: stored_enum,
    }
    found = {}
    for field in kind.__strawberry_definition__.fields:  # type: ignore[attr-defined]
        filtered = getattr(field.type, "of_type", None)
        if isinstance(filtered, type) and filtered in stored:
            has_null = hasattr(filtered, "is_null")
            found[to_camel_case(field.python_name)] = _column(field.python_name, stored[filtered], has_null)
    return found


def _column(name: str, stored: Callable[[Any], Any], has_null: bool) -> Column:
    """Unique text is compared in its normal form, e-mail addresses without case."""
    if name not in unique_text.NORMALIZERS:
        return Column(name, stored, has_null)
    key, part = unique_text.NORMALIZERS[name], unique_text.PART_NORMALIZERS[name]
    return Column(
        name,
        lambda text: truncate_for_comparison(key(text)),
        has_null,
        lambda text: truncate_for_comparison(part(text)),
    )


def combinations(kind: type, where: Mapping[str, Any], depth: int) -> Iterator[Condition]:
    if sent := where.get("and"):
        yield Every(tuple(decode(kind, each, depth + 1) for each in bounded(sent)))
    if (sent := where.get("or")) is not None:
        yield Either(tuple(decode(kind, each, depth + 1) for each in bounded(sent)))
    if (sent := where.get("not")) is not None:
        yield Not(decode(kind, sent, depth + 1))


def of_customer(where: Mapping[str, Any], depth: int) -> Iterator[Condition]:
    """A condition on nothing but the customer's id stands on the order's own column, and on its index."""
    related = decode(CustomerWhere, where, depth + 1)
    compared = related.parts if isinstance(related, Every) else ()
    if compared and all(isinstance(part, Compare) and part.column == "id" for part in compared):
        for part in compared:
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
