"""What each field of the schema needs a caller to be allowed, and that nothing is done without it."""

from typing import Any

import pytest
from graphql import (
    build_schema,
    get_named_type,
    get_nullable_type,
    is_enum_type,
    is_input_object_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_required_argument,
    is_required_input_field,
    parse,
)

from graph.auth.scopes import EVERY_SCOPE, Scope, granted
from graph.errors import RequestError
from graph.execution.authorization import authorize
from graph.global_ids import GlobalId
from graph.schema import build, sdl
from graph.types.fields import Batched, Mutating, declaration
from tests.bound_plans import bound

SCHEMA: Any = build()._schema
CUSTOMERS, ORDERS, HISTORY = "customers:read", "orders:read", "history:read"
SEPARATE = [scope.value for scope in Scope if scope is not Scope.ADMIN]
CUSTOMER, ORDER = GlobalId("Customer", 1).encode(), GlobalId("Order", 1).encode()
OF_CUSTOMERS = ["create", "update", "archive", "restore", "delete", "erase"]
# All that asks the database or changes it, with what a caller needs to ask for it where it stands.
NEEDED: dict[str, set[str]] = {
    "Query.customer": {CUSTOMERS},
    "Query.customers": {CUSTOMERS},
    "Query.order": {ORDERS},
    "Query.orders": {ORDERS},
    "Query.orderSummary": {ORDERS},
    "Query.history": {HISTORY, CUSTOMERS},
    "Query.node": {CUSTOMERS},
    "Query.nodes": {CUSTOMERS},
    "Customer.orders": {CUSTOMERS, ORDERS},
    "Customer.ordersCount": {CUSTOMERS, ORDERS},
    "Customer.orderStats": {CUSTOMERS, ORDERS},
    "Customer.history": {CUSTOMERS, HISTORY},
    "Order.customer": {ORDERS, CUSTOMERS},
    "Order.lines": {ORDERS},
    "Order.history": {ORDERS, HISTORY},
    "OrderSummary.customer": {ORDERS, CUSTOMERS},
    **{f"Mutation.{verb}Customer": {"customers:write"} for verb in OF_CUSTOMERS},
    "Mutation.upsertCustomers": {"customers:write"},
    **{f"Mutation.{verb}Order": {"orders:write"} for verb in ("create", "update", "transition", "delete")},
    **{f"Mutation.{verb}Orders": {"orders:write"} for verb in ("upsert", "create", "transition")},
}
PLACES = {
    "Query": "{{ {} }}",
    "Mutation": "mutation {{ {} }}",
    "Customer": "{{ customers(first: 1) {{ nodes {{ {} }} }} }}",
    "Order": "{{ orders(first: 1) {{ nodes {{ {} }} }} }}",
    "OrderSummary": "{{ orderSummary(groupBy: [CUSTOMER]) {{ {} }} }}",
}
VALUES = {"ID": f'"{CUSTOMER}"', "Int": "1", "Decimal": '"1"', "CurrencyCode": '"EUR"', "Boolean": "true"}
CONFLICT = "userErrors {{ ... on VersionConflictError {{ {} }} }}"
# What is asked of the objects in a mutation's answer, and the scopes for that.
ANSWERS: list[tuple[str, str, set[str]]] = [
    ("createCustomer", "customer { id __typename ... on Node { id } }", set()),
    ("createCustomer", "customer { username }", {CUSTOMERS}),
    ("createOrder", "order { status }", {ORDERS}),
    ("createOrder", "order { customer { id } }", {ORDERS, CUSTOMERS}),
    ("deleteOrder", "deletedId userErrors { code path ... on IllegalTransitionError { status } }", set()),
    ("upsertOrders", "results { order { id } outcome }", set()),
    ("upsertOrders", "results { order { reference } }", {ORDERS}),
    (
        "upsertCustomers",
        "results { customer { ... on Customer { ... @include(if: true) { name } } } }",
        {CUSTOMERS},
    ),
    ("upsertCustomers", "results { customer { name @skip(if: true) id } }", set()),
    ("updateOrder", CONFLICT.format("message current { id }"), set()),
    ("updateOrder", CONFLICT.format("current { ... on Order { version } }"), {ORDERS}),
    ("updateCustomer", CONFLICT.format("current { ... on Customer { version } }"), {CUSTOMERS}),
    ("updateCustomer", CONFLICT.format("changes { __typename }"), {HISTORY}),
    ("updateCustomer", CONFLICT.format("changes { version }"), {HISTORY}),
]
VARIABLES = {"w": {"and": [{"orders": {"some": {"status": {"eq": "PAID"}}}}]}, "o": {"none": {}}}


def declared() -> dict[str, Any]:
    """Everything that asks the database or changes it, or needs a scope, by its name in the schema."""
    found = {}
    for kind in SCHEMA.type_map.values():
        if is_object_type(kind) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                each = declaration(field.extensions["strawberry-definition"])
                if isinstance(each, Batched | Mutating) or getattr(each, "scope", None):
                    found[f"{kind.name}.{name}"] = each
    return found


def value(kind: Any) -> str:
    """Any value of an input type, with no more in it than it must have."""
    kind = get_nullable_type(kind)
    if is_list_type(kind):
        return f"[{value(kind.of_type)}]"
    if is_enum_type(kind):
        return str(next(iter(kind.values)))
    if is_input_object_type(kind):
        if kind.name in {"CustomerBy", "OrderBy"}:
            return f"{{id: {VALUES['ID']}}}"
        fields = {name: each for name, each in kind.fields.items() if is_required_input_field(each)}
        return f"{{{', '.join(f'{name}: {value(each.type)}' for name, each in fields.items())}}}"
    return VALUES.get(kind.name, '"x"')


def document(coordinate: str, selection: str = "__typename") -> str:
    """An operation that asks for one field, and as little else as may be."""
    kind, name = coordinate.split(".")
    field = SCHEMA.get_type(kind).fields[name]
    required = {each: its.type for each, its in field.args.items() if is_required_argument(its)}
    sent = ", ".join(f"{each}: {value(its)}" for each, its in required.items())
    below = "" if is_leaf_type(get_named_type(field.type)) else f"{{ {selection} }}"
    return PLACES[kind].format(f"{name}{f'({sent})' if sent else ''} {below}")


def missing(query: str, *scopes: str) -> set[str]:
    """The scopes that a caller with these lacks for a query."""
    try:
        authorize(bound(parse(query), VARIABLES), granted(scopes))
    except RequestError as rejected:
        return {(each.extensions or {})["scope"] for each in rejected.errors}
    return set()


def test_every_field_that_asks_or_changes_needs_a_scope() -> None:
    """A new root field, relation, connection, history or mutation has one, and stands in the table.

    Counting is a field of a connection, which is itself in it.
    """
    fields = {name: each for name, each in declared().items() if not name.endswith("Connection.totalCount")}
    unscoped = [
        name
        for name, each in fields.items()
        if not each.scope and not (isinstance(each, Batched) and each.scopes_of)
    ]

    assert [] == unscoped
    assert set(NEEDED) == set(fields)


@pytest.mark.parametrize("coordinate", NEEDED)
def test_a_field_needs_its_scopes_and_no_others(coordinate: str) -> None:
    """Each of them: whoever has all others lacks that one, and whoever has these lacks none."""
    query, needed = document(coordinate), NEEDED[coordinate]
    lacked = {scope: missing(query, *(each for each in SEPARATE if each != scope)) for scope in SEPARATE}

    assert {scope: {scope} if scope in needed else set() for scope in SEPARATE} == lacked
    assert set() == missing(query, *needed)
    assert needed == missing(query)
    assert set() == missing(query, "admin")


@pytest.mark.parametrize(
    ("kind", "scope", "mutation", "place"),
    [
        ("Customer", CUSTOMERS, "createCustomer", "customer {{ {} }}"),
        ("Order", ORDERS, "createOrder", "order {{ {} }}"),
        ("Change", HISTORY, "updateOrder", CONFLICT.replace("{}", "changes {{ {} }}")),
    ],
)
def test_every_field_of_a_row_needs_to_be_read(kind: str, scope: str, mutation: str, place: str) -> None:
    """Of every new column, too, wherever the row comes up; its id alone says only which one it is."""
    others = [each for each in SEPARATE if each != scope]
    for name, field in SCHEMA.get_type(kind).fields.items():
        below = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
        query = document(f"Mutation.{mutation}", place.format(f"{name} {below}"))

        assert ({scope} if name != "id" else set()) == missing(query, *others), name


@pytest.mark.parametrize(("mutation", "selection", "needed"), ANSWERS)
def test_a_mutations_answer_is_read_with_scopes(mutation: str, selection: str, needed: set[str]) -> None:
    """Who may only write learns the ids of what was written; and nothing is written for an answer in vain."""
    query = document(f"Mutation.{mutation}", selection)

    assert needed == missing(query, "customers:write", "orders:write")


def test_fragments_and_aliases_hide_nothing() -> None:
    """The operation is looked at as it is executed."""
    query = """
    query { ...Root }
    fragment Root on Query { a: customers { ...Page } ... @include(if: true) { ... on Query { ...More } } }
    fragment More on Query { orders { nodes { id } } }
    fragment Page on CustomerConnection { edges { node { ...Person } } }
    fragment Person on Customer { x: orderStats { count } history { nodes { at } } }
    """

    assert {CUSTOMERS, ORDERS, HISTORY} == missing(query)
    assert {ORDERS} == missing(query, CUSTOMERS, HISTORY)


def test_only_the_operation_that_runs_counts() -> None:
    """Not what it leaves out, and no introspection."""
    query = """
    query ($no: Boolean = false) {
      customers { nodes { id orders @include(if: $no) { nodes { id } } } }
      orders @skip(if: true) { nodes { id } }
      __schema { types { name } }
      __typename
    }
    """

    assert set() == missing(query, CUSTOMERS)
    assert set() == missing('{ __schema { types { fields { name } } } __type(name: "Order") { name } }')


def test_unknown_scopes_grant_nothing() -> None:
    """Neither another's word, nor one of ours in other letters; admin is all of them."""
    assert frozenset() == granted(["orders", "orders:*", "ORDERS:READ", "Admin", " admin", "*", ""])
    assert {Scope.ORDERS_READ} == granted(["orders:read", "openid"])
    assert EVERY_SCOPE == granted(["admin"])


def test_the_schema_shows_what_is_needed() -> None:
    """`@requiresScope` on each field of the table that does not take any id, and on types and filters."""
    shown = {}
    for kind in build_schema(sdl()).type_map.values():
        for name, node in [(kind.name, kind.ast_node)] + [
            (f"{kind.name}.{each}", its.ast_node) for each, its in getattr(kind, "fields", {}).items()
        ]:
            for directive in getattr(node, "directives", None) or ():
                if directive.name.value == "requiresScope":
                    shown[name] = directive.arguments[0].value.value
    of_data = {"Customer": CUSTOMERS, "Order": ORDERS, "Change": HISTORY}
    of_filters = {"OrderWhere.customer": CUSTOMERS, "CustomerWhere.orders": ORDERS}
    of_fields = {name: each.scope for name, each in declared().items() if each.scope}

    assert of_fields | of_data | of_filters == shown
    assert set(NEEDED) - set(of_fields) == {"Query.node", "Query.nodes"}
