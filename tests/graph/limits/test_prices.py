"""Every pair of filters with every sort is priced by the indexes that the tables have."""

import re
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any, NamedTuple

import pytest
from graphql import coerce_input_value, get_named_type, get_nullable_type, is_list_type, parse

from db.pagination.filters import Compare
from db.pagination.index_usage import INDEXED_COLUMNS, INDEXED_OPERATORS, Index, indexes
from db.pagination.sorts import SORTS, Sort
from graph.execution.cost import LARGEST, check_cost
from graph.schema import build
from graph.types.arguments import convert_arguments
from graph.types.fields import DEFINITION, declaration
from tests.bound_plans import bound

SCHEMA = build()
VALUES: dict[str, Any] = {
    "String": "x",
    "ID": "x",
    "Int": 1,
    "DateTime": "2026-01-01T00:00:00Z",
    "Decimal": "1",
    "CurrencyCode": "EUR",
    "OrderStatus": "PAID",
}
RANGES = {"in_", "gt", "gte", "lt", "lte", "starts_with"}
HEAD = "query ($where: {0}Where, $sort: [{0}Order!]) "
PAGE = "(first: 0, where: $where, orderBy: $sort) { nodes { id } }"
CUSTOMERS = f"{HEAD.format('Customer')}{{ customers{PAGE} }}"
ORDERS = f"{HEAD.format('Order')}{{ orders{PAGE} }}"
ORDERS_OF_ONE = f"{HEAD.format('Order')}{{ customer(by: {{id: 1}}) {{ orders{PAGE} }} }}"


class Place(NamedTuple):
    """A connection: its field, table, query, what that costs, the surcharge, and the parent's column."""

    name: str
    table: str
    query: str
    bare: int
    surcharge: int
    parent: str | None = None

    def expected(self, parts: Sequence[Compare | None], sort: Sort) -> int:
        """The surcharge that such a filter should have with this sort."""
        return 0 if is_served(self.table, parts, sort, self.parent) else self.surcharge

    @property
    def field(self) -> Any:
        kind, name = self.name.split(".")
        parent: Any = SCHEMA._schema.type_map[kind]
        return parent.fields[name]

    @property
    def cost(self) -> Any:
        """What the field's arguments are priced by."""
        declared: Any = declaration(self.field.extensions[DEFINITION])
        return declared.cost

    def decoded(self, **sent: Any) -> dict[str, Any]:
        """Arguments as a request's are decoded."""
        given = {name: coerce_input_value(each, self.field.args[name].type) for name, each in sent.items()}
        return convert_arguments(given, self.field.extensions[DEFINITION].arguments, SCHEMA)


PLACES = [
    Place("Query.customers", "customers", CUSTOMERS, 1, 1000),
    Place("Query.orders", "orders", ORDERS, 1, 1000),
    Place("Customer.orders", "orders", ORDERS_OF_ONE, 2, 50, "customer_id"),
]
everywhere = pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)


class Filter(NamedTuple):
    """A condition as it is sent, and the comparison that it stands for; None for `not` and `or`."""

    sent: dict[str, Any]
    part: Compare | None = None


def filters(table: str) -> list[Filter]:
    """Every operator of every column, and one of each other kind."""
    where: Any = SCHEMA._schema.type_map["CustomerWhere" if table == "customers" else "OrderWhere"]
    found: list[Filter] = []
    for name, field in where.fields.items():
        kind: Any = get_named_type(field.type)
        if kind.name == "MoneyFilter":
            for part, column in (("amount", "total"), ("currency", "currency")):
                operators = compared(get_named_type(kind.fields[part].type), column)
                found += [Filter({name: {part: each.sent}}, each.part) for each in operators]
        elif name == "customer":
            operators = compared(SCHEMA._schema.type_map["IDFilter"], "customer_id")
            found += [Filter({name: {"id": each.sent}}, each.part) for each in operators]
        elif name != "orders" and kind is not where:
            found += [Filter({name: each.sent}, each.part) for each in compared(kind, snake(name))]
    return [*found, Filter({"not": found[0].sent}), Filter({"or": [found[0].sent]})]


def compared(kind: Any, column: str) -> Iterator[Filter]:
    """Every operator of a filter's input."""
    for name, field in kind.fields.items():
        operator = "in_" if name == "in" else snake(name)
        leaf = get_named_type(field.type).name
        for value in (True, False) if leaf == "Boolean" else (VALUES[leaf],):
            sent = [value] * 2 if is_list_type(get_nullable_type(field.type)) else value
            yield Filter({name: sent}, Compare(column, operator, value))


def snake(name: str) -> str:
    return re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name)


def is_single(part: Compare) -> bool:
    """Whether all rows that it finds have one value."""
    return part.operator == "eq" or (part.operator == "is_null" and part.value)


def finds_exactly(index: Index, parts: Sequence[Compare], sort: Sort, parent: str | None) -> bool:
    """Whether the index has these rows, and no others, one after the other in the sort's order."""
    single = {part.column for part in parts if is_single(part)} | ({parent} if parent else set())
    front = next((n for n, name in enumerate(index.columns) if name not in single), len(index.columns))
    rest = index.columns[front:]
    order = tuple(name for name in sort.keys if name not in single)
    return (
        rest[: len(order)] == order
        and parent in (None, index.columns[0])
        and all(
            part.column in index.columns[:front]
            if is_single(part)
            else part.column in rest[:1] and part.operator in RANGES
            for part in parts
        )
    )


def is_served(table: str, parts: Sequence[Compare | None], sort: Sort, parent: str | None) -> bool:
    """What docs/reading-cost.md promises."""
    known = [part for part in parts if part is not None]
    keys = {index.columns for index in indexes(table) if index.unique}
    if any((part.column,) in keys and part.operator in ("eq", "in_") for part in known):
        return True
    hidden = [Compare("archived_at", "is_null", True)] if table == "customers" else []
    if len(known) == len(parts) and any(
        finds_exactly(index, [*known, *hidden], sort, parent) for index in indexes(table)
    ):
        return True
    shown = [part for part in parts if part not in hidden]
    return (
        parent is None
        and sort == SORTS[table][0]
        and [True]
        == [
            part is not None and part.column in INDEXED_COLUMNS[table] and part.operator in INDEXED_OPERATORS
            for part in shown
        ]
    )


def sorts(table: str) -> list[tuple[Sort, list[dict[str, str]]]]:
    """All of them, with how they are sent."""
    return [(sort, [{"field": field, "direction": "DESC"} for field in sort.fields]) for sort in SORTS[table]]


def is_allowed(sort: Sort, parts: Sequence[Compare | None]) -> bool:
    """Whether rows of such a filter may be sorted so."""
    return all(Compare(name, "eq", VALUES["CurrencyCode"]) in parts for name in sort.pinned)


@everywhere
def test_a_filter_has_a_surcharge_unless_an_index_serves_it(place: Place) -> None:
    """All pairs of conditions, with all sorts; each condition is decoded once, as a request's are."""
    cost, different = place.cost, []
    known = [(each.part, place.decoded(where=each.sent)["where"]) for each in filters(place.table)]
    orders = {sort: place.decoded(orderBy=sent) for sort, sent in sorts(place.table)}
    for one, other in combinations_with_replacement(known, 2):
        parts, wheres = zip(*([one] if one is other else [one, other]), strict=True)
        where = {"and": [*wheres]}
        for sort in orders:
            if is_allowed(sort, parts):
                surcharge = cost({"first": 0, "where": where, **orders[sort]}).surcharge
                if place.expected(parts, sort) != surcharge:
                    different.append((wheres, sort))

    assert [] == different


@everywhere
def test_a_surcharge_is_part_of_the_cost(place: Place) -> None:
    """Each condition with each sort, in a whole operation."""
    document, different = parse(place.query), []
    for one in filters(place.table):
        for sort, sent in sorts(place.table):
            if is_allowed(sort, [one.part]):
                variables = {"where": one.sent, "sort": sent}
                if place.bare + place.expected([one.part], sort) != check_cost(
                    bound(document, variables), LARGEST
                ):
                    different.append(variables)

    assert [] == different
