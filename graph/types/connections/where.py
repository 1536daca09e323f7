"""`where`: filters on customers and orders and across their relation, limited in depth and size."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, get_type_hints

import strawberry
from strawberry.utils.str_converters import to_camel_case

from db import unique_text
from db.models import columns_with, metadata
from db.pagination import covering_indexes
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
    check_list_length,
    compare,
    stored_amount,
    stored_enum,
    stored_id,
    unchanged,
)
from graph.types.requires_scope import scope_directives

MAX_DEPTH, MAX_CONDITIONS, MAX_OBJECTS = 5, 50, 500
TOO_MANY_OBJECTS = f"where must have at most {MAX_OBJECTS} objects, including empty ones."


KindT = TypeVar("KindT", bound=type)


def condition_field(what: str, scope: Scope | None = None) -> Any:
    """The input field for conditions on one column, without effect if left out or null."""
    return strawberry.field(
        default=strawberry.UNSET, description=f"Filter on {what}.", directives=scope_directives(scope)
    )


def combinator_field(name: str, description: str) -> Any:
    return strawberry.field(name=name, default=strawberry.UNSET, description=description)


ALL = "Matches if all of these filters match, at most 100. An empty list matches everything."
ANY = "Matches if at least one of these filters matches, at most 100. An empty list matches nothing."
NONE = "Negates the filter. `not: {}` matches nothing."
BOUNDS = "At most 5 levels, 50 conditions and 500 objects in total. Null and {} match everything."


def with_column_filters(table: str) -> Callable[[KindT], KindT]:
    """Add a filter for each exposed and writable column that an input type does not declare.

    Other columns may need a scope to be filtered by, as the number of orders does.
    """
    columns, row = metadata.tables[table].c, covering_indexes.ROWS[table]

    def add_filters(kind: KindT) -> KindT:
        declared = kind.__annotations__
        added = {
            name: get_type_hints(row)[name]
            for name in columns_with(metadata.tables[table], "exposed")
            if name not in declared and columns[name].info.get("writable")
        }
        position = next(index for index, name in enumerate(declared) if name not in columns)
        names = list(declared)
        for name, python_type in added.items():
            setattr(kind, name, condition_field(name.replace("_", " ")))
            declared[name] = FILTERS[python_type] | None
            names.insert(position, name)
            position += 1
        kind.__annotations__ = {name: declared[name] for name in names}
        return kind

    return add_filters


FILTERS: dict[Any, Any] = {
    str: StringFilter,
    str | None: StringFilter,
    int: IntFilter,
    datetime: DateTimeFilter,
    datetime | None: DateTimeFilter,
}


@strawberry.input(description=f"Conditions on customers, all of which must hold. {BOUNDS}")
@with_column_filters("customers")
class CustomerWhere:
    id: IDFilter | None = condition_field("the ID")
    username: StringFilter | None = condition_field("the username")
    name: StringFilter | None = condition_field("the name")
    email: StringFilter | None = condition_field("the e-mail address, ignoring case")
    version: IntFilter | None = condition_field("the version")
    created_at: DateTimeFilter | None = condition_field("the creation time")
    updated_at: DateTimeFilter | None = condition_field("the time of the last change")
    archived_at: DateTimeFilter | None = condition_field(
        "the archiving time; archived customers are found only with includeArchived: true"
    )
    orders: "OrdersFilter | None" = condition_field("the customer's orders", Scope.ORDERS_READ)
    and_: "list[CustomerWhere] | None" = combinator_field("and", ALL)
    or_: "list[CustomerWhere] | None" = combinator_field("or", ANY)
    not_: "CustomerWhere | None" = combinator_field("not", NONE)


@strawberry.input(description="Filter on the orders of a customer.")
class OrdersFilter:
    some: "OrderWhere | None" = combinator_field(
        "some", "The customer has at least one order matching this filter; `{}` matches any order."
    )
    none: "OrderWhere | None" = combinator_field(
        "none", "The customer has no order matching this filter; `{}` matches any order."
    )


@strawberry.input(description=f"Conditions on orders, all of which must hold. {BOUNDS}")
@with_column_filters("orders")
class OrderWhere:
    id: IDFilter | None = condition_field("the ID")
    reference: StringFilter | None = condition_field("the reference")
    status: OrderStatusFilter | None = condition_field("the status")
    total: MoneyFilter | None = condition_field("the total")
    placed_at: DateTimeFilter | None = condition_field("the time when the order was placed")
    version: IntFilter | None = condition_field("the version")
    created_at: DateTimeFilter | None = condition_field("the creation time")
    updated_at: DateTimeFilter | None = condition_field("the time of the last change")
    customer: CustomerWhere | None = condition_field("the customer", Scope.CUSTOMERS_READ)
    and_: "list[OrderWhere] | None" = combinator_field("and", ALL)
    or_: "list[OrderWhere] | None" = combinator_field("or", ANY)
    not_: "OrderWhere | None" = combinator_field("not", NONE)


# The filter input by table.
WHERES = {"customers": CustomerWhere, "orders": OrderWhere}


def condition(kind: type, where: Mapping[str, Any] | None) -> Condition:
    """The condition of a `where` argument, as coerced by graphql-core.

    Raises BadUserInput if it is too deep or too large.
    """
    if where is None:
        return MATCH_ALL
    if count_objects(where) > MAX_OBJECTS:
        raise BadUserInput(TOO_MANY_OBJECTS)
    decoded = decode(kind, where, 1)
    if count_conditions(decoded) > MAX_CONDITIONS:
        raise BadUserInput(f"where must have at most {MAX_CONDITIONS} conditions.")
    return decoded


def count_objects(where: Mapping[str, Any]) -> int:
    """The number of objects in a filter, including itself and each column's operators."""
    count, waiting = 0, [where]
    while waiting and count <= MAX_OBJECTS:
        count += 1
        for value in waiting.pop().values():
            if isinstance(value, Mapping):
                waiting.append(value)
            elif isinstance(value, list):
                waiting += [each for each in value if isinstance(each, Mapping)]
    return count


def decode(kind: type, where: Mapping[str, Any], depth: int) -> Condition:
    """All conditions of a filter. Their order is fixed, because cursors contain its fingerprint."""
    if depth > MAX_DEPTH:
        raise BadUserInput(f"where must be at most {MAX_DEPTH} levels deep.")
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
        yield from customer_conditions(customer, depth)


class Column(NamedTuple):
    """A column with a filter of the same name. `stored` converts a value to stored form.

    `stored_part` does the same for the value of `startsWith` and `contains`.
    """

    name: str
    stored: Callable[[Any], Any]
    has_null: bool
    stored_part: Callable[[Any], Any] = truncate_for_comparison


@lru_cache
def columns(kind: type) -> dict[str, Column]:
    """The columns that an input type filters, by schema name, in the order of the schema."""
    row_ids = stored_id("Customer" if kind is CustomerWhere else "Order")
    stored: dict[Any, Callable[[Any], Any]] = {
        IDFilter: row_ids,
        StringFilter: truncate_for_comparison,
        IntFilter: unchanged,
        DateTimeFilter: unchanged,
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
    """Unique text is compared in its normal form, and e-mail addresses without case."""
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
        yield Every(tuple(decode(kind, each, depth + 1) for each in check_list_length(sent)))
    if (sent := where.get("or")) is not None:
        yield Either(tuple(decode(kind, each, depth + 1) for each in check_list_length(sent)))
    if (sent := where.get("not")) is not None:
        yield Not(decode(kind, sent, depth + 1))


def customer_conditions(where: Mapping[str, Any], depth: int) -> Iterator[Condition]:
    """Conditions on the customer. One on the ID alone uses the order's own, indexed column."""
    related = decode(CustomerWhere, where, depth + 1)
    compared = related.parts if isinstance(related, Every) else ()
    if compared and all(isinstance(part, Compare) and part.column == "id" for part in compared):
        for part in compared:
            yield Compare("customer_id", part.operator, part.value)  # type: ignore[union-attr]
    else:
        yield Related("customer", related)


def count_conditions(condition: Condition) -> int:
    """The number of comparisons and relations in a condition."""
    match condition:
        case Compare():
            return 1
        case Every(parts=parts) | Either(parts=parts):
            return sum(count_conditions(part) for part in parts)
        case Not(part=part):
            return count_conditions(part)
        case Related(part=part):
            return 1 + count_conditions(part)
