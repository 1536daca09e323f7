"""The schema itself: committed as it is, with objects, interfaces and arguments as they were published."""

import re
from pathlib import Path
from typing import cast

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
    parse,
    validate,
)

from graph.schema import sdl
from tests.graph.schema.test_published_inputs import INPUTS
from tests.graph.writing.test_published_mutations import MUTATIONS
from tests.published_schema import SCHEMA, TYPES, arguments_of, fields_of

ROOT = Path(__file__).parents[3]
PAGING = {
    "first": "Int",
    "after": "String",
    "last": "Int",
    "before": "String",
    "snapshot": "SnapshotMode",
}
AS_OF = {"asOf": "DateTime"}
OF_ORDERS = PAGING | {"where": "OrderWhere", "orderBy": "[OrderOrder!]"}
OF_CUSTOMERS = PAGING | {
    "where": "CustomerWhere",
    "orderBy": "[CustomerOrder!]",
    "includeArchived": "Boolean",
    "search": "String",
}
# What is compared and sorted by: an input for each type of value, each with the operators of its kind.
CONDITIONS = re.compile(r"\w+(Filter|Where|Order)")
USER_ERROR = {"code": "UserErrorCode!", "message": "String!", "path": "[String!]!"}
CONNECTIONS = {
    f"{node}Connection": {
        "edges": f"[{node}Edge!]!",
        "nodes": f"[{node}!]!",
        "pageInfo": "PageInfo!",
        "totalCount": "Count!",
        **more,
    }
    for node, more in (("Customer", {"bestFirst": "Boolean"}), ("Order", {}), ("Change", {}))
}
RESULT = {"outcome": "ItemOutcome", "userErrors": "[UserError!]!"}
OBJECTS = CONNECTIONS | {
    "Customer": {
        "id": "ID!",
        "username": "String!",
        "name": "String!",
        "email": "String",
        "version": "Int!",
        "createdAt": "DateTime!",
        "updatedAt": "DateTime!",
        "archivedAt": "DateTime",
        "ordersCount": "Int!",
        "orders": "OrderConnection!",
        "orderStats": "[OrderStats!]!",
        "history": "ChangeConnection!",
    },
    "Order": {
        "id": "ID!",
        "customer": "Customer!",
        "reference": "String",
        "status": "OrderStatus!",
        "total": "Money!",
        "placedAt": "DateTime!",
        "lines": "[OrderLine!]!",
        "allowedTransitions": "[OrderStatus!]!",
        "version": "Int!",
        "createdAt": "DateTime!",
        "updatedAt": "DateTime!",
        "history": "ChangeConnection!",
    },
    "Change": {
        "version": "Int!",
        "action": "ChangeAction!",
        "at": "DateTime!",
        "principal": "String!",
        "requestId": "String",
        "fields": "[FieldChange!]!",
    },
    "FieldChange": {"field": "String!", "before": "JSON", "after": "JSON"},
    "ChangeEdge": {"cursor": "String!", "node": "Change!"},
    "CustomerResult": {"customer": "Customer", **RESULT},
    "OrderResult": {"order": "Order", **RESULT},
    "OrderLine": {
        "position": "Int!",
        "sku": "String!",
        "name": "String!",
        "quantity": "Int!",
        "unitPrice": "Money!",
        "total": "Money!",
    },
    "Money": {"amount": "Decimal!", "currency": "CurrencyCode!"},
    "CustomerEdge": {"cursor": "String!", "node": "Customer!"},
    "OrderEdge": {"cursor": "String!", "node": "Order!"},
    "PageInfo": {
        "hasNextPage": "Boolean!",
        "hasPreviousPage": "Boolean!",
        "startCursor": "String",
        "endCursor": "String",
        "snapshot": "Snapshot",
    },
    "Count": {"value": "Int!", "exact": "Boolean!"},
    "Snapshot": {"at": "DateTime", "pinned": "Boolean!"},
    "Bucket": {"start": "DateTime!", "end": "DateTime!"},
    "OrderStats": {"count": "Int!", "total": "Money!"},
    "OrderSummary": {
        "status": "OrderStatus",
        "customer": "Customer",
        "bucket": "Bucket",
        "count": "Int!",
        "total": "Money!",
    },
    "Query": {
        "customer": "Customer",
        "customers": "CustomerConnection",
        "order": "Order",
        "orders": "OrderConnection",
        "orderSummary": "[OrderSummary!]",
        "history": "ChangeConnection",
        "node": "Node",
        "nodes": "[Node]",
    },
    "InvalidInputError": USER_ERROR,
    "ValueTakenError": USER_ERROR | {"value": "String!"},
    "NotFoundError": USER_ERROR | {"missing": "ID!"},
    "IllegalTransitionError": USER_ERROR | {"status": "OrderStatus!", "allowed": "[OrderStatus!]!"},
    "KeyReusedError": USER_ERROR | {"mutation": "String!"},
    "VersionConflictError": USER_ERROR | {"current": "Node!", "changes": "[Change!]!"},
}


def test_the_committed_schema_is_current() -> None:
    """`schema.graphql` is what `tidegraph schema` prints."""
    assert sdl() == (ROOT / "schema.graphql").read_text()


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_are_as_published(name: str) -> None:
    """Each object has these fields of these types and no others."""
    assert OBJECTS[name] == fields_of(name)


def test_no_type_is_unpublished() -> None:
    """Every input, object and interface of the schema is in one of the tables above."""
    kinds = (GraphQLInputObjectType, GraphQLObjectType, GraphQLInterfaceType, GraphQLUnionType)
    payloads = {f"{name[0].upper()}{name[1:]}Payload" for name in MUTATIONS}

    assert {*INPUTS, *OBJECTS, *payloads, "Mutation", "Node", "UserError"} == {
        name
        for name, each in TYPES.items()
        if (isinstance(each, kinds) and not CONDITIONS.fullmatch(name)) or name in {*INPUTS, *OBJECTS}
    }


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("Query", "customer", {"by": "CustomerBy!"} | AS_OF),
        ("Query", "customers", OF_CUSTOMERS | AS_OF),
        ("Query", "order", {"by": "OrderBy!"} | AS_OF),
        ("Query", "orders", OF_ORDERS | AS_OF),
        ("Query", "node", {"id": "ID!"}),
        ("Query", "nodes", {"ids": "[ID!]!"} | AS_OF),
        ("Customer", "orders", OF_ORDERS),
        ("Query", "history", {"node": "ID!"} | PAGING | AS_OF),
        ("Customer", "history", PAGING),
        ("Order", "history", PAGING),
    ],
)
def test_arguments_are_as_published(name: str, field: str, expected: dict[str, str]) -> None:
    """The same paging arguments everywhere, and one key for a look-up."""
    assert expected == arguments_of(name, field)


def test_only_nodes_have_an_id() -> None:
    """What else had one would take the node's place in a client's cache, which keeps objects by their ids."""
    objects = {name: each for name, each in TYPES.items() if isinstance(each, GraphQLObjectType)}

    assert {"Customer", "Order"} == {name for name, each in objects.items() if "id" in each.fields}


def test_one_selection_can_ask_for_all_of_every_user_error() -> None:
    """Of fields that share a name the types agree, so that a client needs no alias."""
    types = SCHEMA.get_possible_types(cast(GraphQLInterfaceType, SCHEMA.type_map["UserError"]))
    selections = [
        f"... on {each.name} {{ {name} }}"
        if is_leaf_type(get_named_type(field.type))
        else f"... on {each.name} {{ {name} {{ __typename }} }}"
        for each in types
        for name, field in each.fields.items()
    ]
    asked = f"mutation {{ deleteOrder(input: {{id: 0}}) {{ userErrors {{ {' '.join(selections)} }} }} }}"

    assert [] == validate(SCHEMA, parse(asked))


def test_interfaces_are_as_published() -> None:
    """A node has an id; a user error says what, in words, and where."""
    assert {"id": "ID!"} == fields_of("Node")
    assert USER_ERROR == fields_of("UserError")
    assert {"Customer", "Order"} == implementing("Node")
    assert {name for name in OBJECTS if name.endswith("Error")} == implementing("UserError")


def implementing(name: str) -> set[str]:
    interface = SCHEMA.type_map[name]
    assert isinstance(interface, GraphQLInterfaceType)
    return {each.name for each in SCHEMA.get_possible_types(interface)}


def test_statuses_are_as_published() -> None:
    """The five of an order's life."""
    status = TYPES["OrderStatus"]

    assert isinstance(status, GraphQLEnumType)
    assert ["PENDING", "PAID", "FULFILLED", "CANCELLED", "REFUNDED"] == list(status.values)


def test_look_ups_take_exactly_one_key() -> None:
    """`@oneOf` says so to clients."""
    one_of = {name for name, each in TYPES.items() if getattr(each, "is_one_of", False)}

    assert {"CustomerBy", "OrderBy"} == one_of
