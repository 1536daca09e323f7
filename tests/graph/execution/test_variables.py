"""Variables that cannot be coerced: every error, with its path from the variable's name."""

import json
from typing import Any

import pytest
from graphql import GraphQLError, GraphQLInputType, get_variable_values, is_input_type, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from db.engine.database import Database
from graph import schema
from graph.execution.variable_errors import MAX_ERRORS, variable_errors
from tests.api import Api
from tests.shared_tidb import Statements

CREATE = "mutation ($input: CreateOrderInput!) { createOrder(input: $input) { userErrors { code } } }"
READ = """query ($first: Int, $by: CustomerBy!, $where: OrderWhere, $sort: [OrderOrder!]) {
  customer(by: $by) { orders(first: $first, where: $where, orderBy: $sort) { nodes { id } } }
}"""
SCHEMA = schema.build()._schema


def paths(answer: dict[str, Any]) -> list[Any]:
    assert "data" not in answer
    assert {"BAD_USER_INPUT"} == {error["extensions"]["code"] for error in answer["errors"]}
    return [error["extensions"]["path"] for error in answer["errors"]]


async def test_every_error_has_its_path(database: Database, api: Api) -> None:
    """A form shows each at its field; nothing was sent to the database."""
    line = {"sku": "a", "name": "A", "quantity": 1, "unitPrice": {"amount": "1", "currency": "EUR"}}
    lines = [
        line | {"unitPrice": {"amount": "12,90", "currency": "eur"}},
        line | {"quantity": 1.5},
        {key: value for key, value in line.items() if key != "sku"} | {"Sku": "b"},
    ]
    with Statements(database) as statements:
        answer = await api.send(CREATE, input={"customerId": None, "lines": lines, "placedAt": "today"})

    assert [
        ["input", "customerId"],
        ["input", "lines", 0, "unitPrice", "amount"],
        ["input", "lines", 0, "unitPrice", "currency"],
        ["input", "lines", 1, "quantity"],
        ["input", "lines", 2, "sku"],
        ["input", "lines", 2, "Sku"],
        ["input", "placedAt"],
    ] == paths(answer)
    assert [] == statements


MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"first": 1.5}, "$first must be a whole number from -2147483648 to 2147483647, not 1.5."),
    ({"first": "5"}, '$first must be a whole number from -2147483648 to 2147483647, not "5".'),
    ({"by": {"emal": "x"}}, "$by.emal is not a field of CustomerBy. Did you mean email?"),
    (
        {"by": {"id": "x", "email": "y"}},
        "$by must have exactly one of id, username, email, and it must not be null.",
    ),
    ({"by": "x"}, "$by must be an object of type CustomerBy, not a string."),
    ({"by": None}, "$by must not be null: it is of type CustomerBy!."),
    (
        {"where": {"status": {"in": ["PAID", "SHIPPED"]}}},
        '$where.status.in[1] is not a value of OrderStatus: "SHIPPED". '
        "It can be PENDING, PAID, FULFILLED, CANCELLED or REFUNDED.",
    ),
    ({"sort": {"field": 7}}, "$sort.field is not a value of OrderSortField: 7."),
    ({"sort": [None]}, "$sort[0] must not be null: it is of type OrderOrder!."),
    ({"where": {"reference": {"eq": ["x" * 1000]}}}, "$where.reference.eq must be a string, not a list."),
]


@pytest.mark.parametrize(("variables", "message"), MESSAGES)
async def test_messages_show_json_and_what_is_valid(
    sqlite_api: Api, variables: dict[str, Any], message: str
) -> None:
    """In development they help; a long value is named by its type."""
    with_by = {"by": {"id": "x"}, **variables}
    operation: Any = parse(READ).definitions[0]

    (error,) = variable_errors(SCHEMA, operation, with_by, suggestions=True)

    assert error.message.startswith(message)
    (sent,) = (await sqlite_api.send(READ, **with_by))["errors"]
    assert sent["extensions"]["path"] == error.extensions["path"]


async def test_production_does_not_list_names_of_the_schema(sqlite_api: Api) -> None:
    """Neither a similar field nor an enum's values."""
    answer = await sqlite_api.send(READ, by={"emal": "x"}, where={"status": {"eq": "x"}})

    messages = [error["message"] for error in answer["errors"]]
    assert "$by.emal is not a field of CustomerBy." in messages
    assert '$where.status.eq is not a value of OrderStatus: "x".' in messages


async def test_a_missing_variable_is_required(sqlite_api: Api) -> None:
    """Its path is its name."""
    assert [["by"]] == paths(await sqlite_api.send(READ))


async def test_errors_are_limited(sqlite_api: Api) -> None:
    """A thousand wrong items are not a thousand errors."""
    answer = await sqlite_api.send(READ, by={"id": "x"}, where={"status": {"in": [1] * 1_000}})

    assert MAX_ERRORS == len(paths(answer))


async def test_a_deeply_nested_value_is_an_error(sqlite_api: Api) -> None:
    """Deeper than Python's stack allows to check."""
    body = '{"query": %s, "variables": {"by": {"id": "x"}, "where": %s}}'
    text = '{"not":' * 900 + "{}" + "}" * 900
    sent = body % (json.dumps(READ), text)
    response = await sqlite_api.client.post(
        "/graphql", content=sent, headers={"content-type": "application/json"}
    )

    assert {"BAD_USER_INPUT"} == {each["extensions"]["code"] for each in response.json()["errors"]}


INPUTS = sorted(name for name, kind in SCHEMA.type_map.items() if is_input_type(kind) and name[0] != "_")
NAMES = sorted({name for each in INPUTS for name in getattr(SCHEMA.type_map[each], "fields", {})})
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=3),
    st.sampled_from(["EUR", "1.5", "PAID", "ASC", "2026-01-01T00:00:00Z"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda below: st.lists(below, max_size=2) | st.dictionaries(st.sampled_from(NAMES), below, max_size=2),
    max_leaves=6,
)


@settings(max_examples=300)
@given(st.sampled_from(INPUTS), VALUES)
def test_there_are_errors_where_coercion_fails(name: str, value: Any) -> None:
    """Whatever the type and the value: graphql-core refuses it exactly where there is a message of ours."""
    kind: GraphQLInputType = SCHEMA.type_map[name]  # type: ignore[assignment]
    operation: Any = parse(f"query ($v: {kind}) {{ __typename }}").definitions[0]

    coerced = get_variable_values(SCHEMA, operation.variable_definitions, {"v": value})
    errors: list[GraphQLError] = variable_errors(SCHEMA, operation, {"v": value}, suggestions=True)

    assert isinstance(coerced, list) == bool(errors)
