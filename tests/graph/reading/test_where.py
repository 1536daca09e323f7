"""What `where` means where there is little or nothing in it, and what of it is refused."""

from typing import Any

import pytest
from graphql import coerce_input_value

from db.engine.database import Database
from db.pagination.keyset import ConnectionSpec
from db.pagination.sorts import ORDER_SORTS
from graph.schema import build
from graph.types.connections.where import OrderWhere, condition
from tests.api import Api
from tests.factories import create_customer, create_order
from tests.shared_tidb import Statements

CUSTOMERS = """
query ($where: CustomerWhere) {
  customers(where: $where, orderBy: [{field: USERNAME}]) { nodes { username } }
}
"""
ORDERS = """
query ($where: OrderWhere) { orders(where: $where) { nodes { reference customer { username } } } }
"""
ALL = ["ada", "bob", "cyd"]


@pytest.fixture
async def people(database: Database) -> None:
    """Ada has an order with a reference and one without, Bob an order and no e-mail, Cyd no orders."""
    ada = await create_customer(database, username="ada", email="ada@example.com")
    bob = await create_customer(database, username="bob")
    await create_customer(database, username="cyd", email="cyd@example.com")
    await create_order(database, ada, reference="A-1")
    await create_order(database, ada)
    await create_order(database, bob, reference="B-1")


async def found(api: Api, where: Any) -> list[str]:
    data = await api.data(CUSTOMERS, where=where)
    return [node["username"] for node in data["customers"]["nodes"]]


async def refusal(api: Api, where: Any, query: str = CUSTOMERS) -> str:
    answer = await api.send(query, where=where)
    (error,) = answer["errors"]
    assert "BAD_USER_INPUT" == error["extensions"]["code"]
    message: str = error["message"]
    return message


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, ALL),
        ({}, ALL),
        ({"username": None}, ALL),
        ({"username": {}}, ALL),
        ({"and": []}, ALL),
        ({"and": [{}]}, ALL),
        ({"and": None}, ALL),
        ({"or": []}, []),
        ({"or": [{}]}, ALL),
        ({"or": None}, ALL),
        ({"not": {}}, []),
        ({"not": None}, ALL),
        ({"not": {"or": []}}, ALL),
        ({"orders": None}, ALL),
        ({"orders": {}}, ALL),
        ({"orders": {"some": None, "none": None}}, ALL),
        ({"orders": {"some": {}}}, ["ada", "bob"]),
        ({"orders": {"none": {}}}, ["cyd"]),
        ({"orders": {"some": {"total": None}}}, ["ada", "bob"]),
        ({"orders": {"some": {"total": {}}}}, ["ada", "bob"]),
        ({"orders": {"some": {"total": {"amount": None, "currency": {}}}}}, ["ada", "bob"]),
        ({"username": {"in": []}}, []),
        ({"username": {"notIn": []}}, ALL),
        ({"email": {"in": []}}, []),
        ({"email": {"notIn": []}}, ALL),
        ({"not": {"email": {"in": []}}}, ALL),
        ({"not": {"email": {"notIn": []}}}, []),
        ({"username": {"startsWith": ""}}, ALL),
        ({"email": {"startsWith": ""}}, ["ada", "cyd"]),
        ({"email": {"contains": ""}}, ["ada", "cyd"]),
    ],
    ids=str,
)
async def test_little_is_well_defined(api: Api, where: Any, expected: list[str]) -> None:
    """Nothing asked for is met by everybody; what is compared must be there."""
    assert expected == await found(api, where)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("operators", "expected"),
    [
        ({"eq": "ada@example.com"}, ["ada"]),
        ({"ne": "ada@example.com"}, ["cyd"]),
        ({"in": ["ada@example.com"]}, ["ada"]),
        ({"notIn": ["ada@example.com"]}, ["cyd"]),
        ({"gt": "a"}, ["ada", "cyd"]),
        ({"lt": "b"}, ["ada"]),
        ({"isNull": True}, ["bob"]),
        ({"isNull": False}, ["ada", "cyd"]),
    ],
    ids=str,
)
async def test_a_null_meets_no_comparison(api: Api, operators: Any, expected: list[str]) -> None:
    """Not even `ne` and `notIn`; and `not` finds exactly the others."""
    assert expected == await found(api, {"email": operators})
    assert sorted({*ALL} - {*expected}) == await found(api, {"not": {"email": operators}})


@pytest.mark.usefixtures("people")
async def test_some_and_none_may_stand_together(api: Api) -> None:
    """Both must hold, of different orders."""
    some_without = {"some": {"reference": {"isNull": True}}}

    assert ["ada"] == await found(api, {"orders": some_without})
    assert [] == await found(api, {"orders": {**some_without, "none": {"reference": {"eq": "A-1"}}}})


@pytest.mark.usefixtures("people")
async def test_an_order_is_filtered_by_its_customer(api: Api) -> None:
    """By any of its fields, and back again across the other orders."""
    where = {"customer": {"username": {"startsWith": "a"}, "orders": {"some": {"reference": {"eq": "A-1"}}}}}
    data = await api.data(ORDERS, where=where)

    assert 2 == len(data["orders"]["nodes"])
    assert {"ada"} == {node["customer"]["username"] for node in data["orders"]["nodes"]}


async def test_texts_are_no_patterns(database: Database, api: Api) -> None:
    """Wildcards, quotes, backslashes and case stand for themselves, on both databases."""
    names = ["100%", "100_", "1000", "a\\b", "a'b", 'a"b', "ab", "aB"]
    for place, name in enumerate(names):
        await create_customer(database, username=f"user{place}", name=name)

    async def names_of(operators: Any) -> set[str]:
        return {names[int(each[-1])] for each in await found(api, {"name": operators})}

    assert {"100%"} == await names_of({"startsWith": "100%"})
    assert {"100_"} == await names_of({"contains": "0_"})
    assert {"a\\b"} == await names_of({"contains": "\\"})
    assert {"a'b"} == await names_of({"contains": "'"})
    assert {'a"b'} == await names_of({"eq": 'a"b'})
    assert {"aB"} == await names_of({"contains": "B"})
    assert {"ab"} == await names_of({"startsWith": "ab"})


@pytest.mark.parametrize("operator", ["eq", "ne", "gt", "in", "notIn", "startsWith", "isNull"])
async def test_null_is_not_compared_with(api: Api, operator: str) -> None:
    """An explicit null asks for what `isNull` is for, and is refused."""
    message = await refusal(api, {"email": {operator: None}})

    assert f"`email.{operator}` in where is null. Leave it out, or use `isNull: true`." == message


@pytest.mark.parametrize(
    ("where", "field"),
    [
        ({"id": {"eq": None}}, "id.eq"),
        ({"version": {"gt": None}}, "version.gt"),
        ({"orders": {"some": {"status": {"in": None}}}}, "status.in"),
        ({"orders": {"some": {"total": {"amount": {"lt": None}}}}}, "total.lt"),
        ({"orders": {"some": {"total": {"currency": {"ne": None}}}}}, "currency.ne"),
    ],
)
async def test_where_nothing_is_null_isnull_is_not_named(api: Api, where: Any, field: str) -> None:
    """These filters have no such operator to use instead."""
    assert f"`{field}` in where is null. Leave it out." == await refusal(api, where)


def nested(levels: int) -> dict[str, Any]:
    """`where` of so many levels, across the relation and through `not`, `and` and `or`."""
    ways = [
        lambda inner: {"orders": {"some": inner}},
        lambda inner: {"customer": inner},
        lambda inner: {"and": [inner]},
        lambda inner: {"or": [inner]},
    ]
    where: dict[str, Any] = {}
    for level in range(levels - 2, -1, -1):
        where = ways[level % len(ways)](where)
    return where


async def test_depth_is_bounded(api: Api) -> None:
    """Five levels are read, the sixth is refused, whatever makes it."""
    assert [] == await found(api, nested(5))
    assert "where must be at most 5 levels deep." == await refusal(api, nested(6))
    negated = {"not": {"not": {"not": {"not": {"not": {}}}}}}
    assert "where must be at most 5 levels deep." == await refusal(api, negated)
    assert "where must be at most 5 levels deep." == await refusal(api, {"customer": nested(5)}, ORDERS)


async def test_size_is_bounded(api: Api) -> None:
    """Fifty conditions in all, wherever they stand; a relation is one, too."""
    one = {"version": {"gte": 1}}
    related = {"orders": {"some": {"or": [one] * 30}}}

    assert [] == await found(api, {"and": [one] * 50})
    assert "where must have at most 50 conditions." == await refusal(api, {"and": [one] * 51})
    assert [] == await found(api, {**related, "or": [one] * 19})
    assert "where must have at most 50 conditions." == await refusal(api, {**related, "or": [one] * 20})


async def test_objects_are_bounded(api: Api) -> None:
    """Five hundred in one filter: empty ones, operators, relations and the filter itself."""
    refused = "where must have at most 500 objects, including empty ones."
    empty = {"and": [{"and": [{}] * 98}] * 5}
    mixed = {"or": [{"name": {}, "orders": {"some": {"total": {"amount": {}}}}}] * 83}
    orders = {"or": [{"not": {"not": {"total": {"amount": {}, "currency": {}}}}}] * 84}

    assert [] == await found(api, {**empty, "or": [{}] * 4})
    assert refused == await refusal(api, {**empty, "or": [{}] * 5})
    assert refused == await refusal(api, {"and": [{"and": [{}] * 98}] * 50})
    assert "where must have at most 50 conditions." == await refusal(api, mixed)
    assert refused == await refusal(api, {**mixed, "and": [{}] * 2})
    assert refused == await refusal(api, orders, ORDERS)


async def test_a_filter_that_is_too_large_is_refused_before_a_row_is_read(
    api: Api, database: Database
) -> None:
    """The whole request is, wherever the filter stands."""
    where = {"and": [{"and": [{}] * 98}] * 50}
    query = "query ($where: OrderWhere) { customers { nodes { orders(where: $where) { nodes { id } } } } }"
    with Statements(database) as sent:
        answer = await api.send(query, where=where)

    assert ["BAD_USER_INPUT"] == [error["extensions"]["code"] for error in answer["errors"]]
    assert [] == sent


CURSORS = {
    "d5da4f61bdc9": {
        "status": {"in": ["PAID", "PENDING"]},
        "id": {"ne": "x", "in": ["T3JkZXI6MQ"]},
        "total": {"amount": {"gte": "1.50", "lt": "9"}, "currency": {"eq": "EUR"}},
        "placedAt": {"lte": "2026-01-01T00:00:00Z", "isNull": False},
        "or": [
            {"reference": {"startsWith": "a", "notIn": ["b", "c"], "contains": "d"}},
            {"customer": {"name": {"gt": "x"}}},
        ],
        "customer": {"id": {"eq": "Q3VzdG9tZXI6MQ"}},
        "not": {},
        "and": [{"version": {"eq": 1}}],
    },
    "1bffbbc03caf": {},
    "66c1fad3510e": {"customer": {}},
    "0dfef3e63968": {"or": []},
}


@pytest.mark.parametrize(("mark", "where"), CURSORS.items())
def test_cursors_of_earlier_versions_still_fit(mark: str, where: dict[str, Any]) -> None:
    """Their fingerprint depends on the order in which a filter's parts are read."""
    field = build()._schema.query_type.fields["orders"]  # type: ignore[union-attr]
    sent: Any = coerce_input_value(where, field.args["where"].type)
    scope = ConnectionSpec("Query.orders", "orders", ORDER_SORTS[0], condition(OrderWhere, sent))

    assert mark == scope.fingerprint


async def test_texts_longer_than_any_that_is_stored_are_compared(api: Api, database: Database) -> None:
    """They are cut before they are sent to the database, without another result."""
    name = "x" * 250
    await create_customer(database, username="long", name=name)
    results = [
        await found(api, {"name": {operator: name + "x" * 200_000}, "username": {"eq": "long"}})
        for operator in ("eq", "ne", "lt", "gt", "startsWith", "contains")
    ]

    assert [[], ["long"], ["long"], [], [], []] == results


async def test_lists_are_bounded(api: Api) -> None:
    """A hundred values in one list, and a hundred parts of `and` and `or`."""
    refused = "A list in where must have at most 100 values."

    assert [] == await found(api, {"username": {"in": ["x"] * 100}})
    assert refused == await refusal(api, {"username": {"in": ["x"] * 101}})
    assert [] == await found(api, {"and": [{}] * 100})
    assert refused == await refusal(api, {"and": [{}] * 101})
    assert refused == await refusal(api, {"or": [{}] * 101})
