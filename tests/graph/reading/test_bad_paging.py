"""Paging arguments and cursors that cannot be: a coded answer, the same wherever a connection stands."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line

ARGUMENTS = "$first: Int, $after: String, $last: Int, $before: String"
PAGING = "first: $first, after: $after, last: $last, before: $before"
FIELDS = {
    "Query.customers": f"query ({ARGUMENTS}) {{ customers({PAGING}) {{ %s }} }}",
    "Query.orders": f"query ({ARGUMENTS}) {{ orders({PAGING}) {{ %s }} }}",
    "Customer.orders": f"query ({ARGUMENTS}) {{ customers {{ nodes {{ orders({PAGING}) {{ %s }} }} }} }}",
}
ARCHIVED = f"query ({ARGUMENTS}) {{ customers({PAGING}, includeArchived: true) {{ %s }} }}"
BAD_CURSOR = (
    "This cursor belongs to another field or to other arguments. Send the same where, orderBy, search and "
    "includeArchived, or start without a cursor."
)

everywhere = pytest.mark.parametrize("query", FIELDS.values(), ids=FIELDS)


async def fill(database: Database) -> None:
    for _ in range(2):
        customer = await create_customer(database)
        await create_order(database, customer, placed_at=datetime(2026, 1, 1, tzinfo=UTC))


async def mistake(api: Api, query: str, **variables: Any) -> tuple[str, str]:
    """Code and message of the one error, beside which there is no data."""
    answer = await api.send(query % "edges { cursor }", **variables)
    (error,) = answer["errors"]
    assert not any((answer.get("data") or {}).values())
    return error["extensions"]["code"], error["message"]


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


@on_sqlite
@everywhere
@pytest.mark.parametrize(
    ("paging", "message"),
    [
        ({"first": -1}, "first must be from 0 to 100."),
        ({"first": 101}, "first must be from 0 to 100."),
        ({"first": 2**31 - 1}, "first must be from 0 to 100."),
        ({"last": -1}, "last must be from 0 to 100."),
        ({"last": 101}, "last must be from 0 to 100."),
        ({"first": 1, "last": 1}, "first and last cannot be used together."),
        ({"first": 0, "last": 0}, "first and last cannot be used together."),
        ({"first": -1, "last": 101}, "first and last cannot be used together."),
    ],
)
async def test_a_bad_number_of_rows_is_refused(
    database: Database, api: Api, query: str, paging: dict[str, int], message: str
) -> None:
    """By variables and as literals it is the same answer: what is wrong, and no data."""
    await fill(database)
    literal = query.replace(f"({ARGUMENTS})", "").replace(
        PAGING, ", ".join(f"{name}: {value}" for name, value in paging.items())
    )

    assert ("BAD_USER_INPUT", message) == await mistake(api, query, **paging)
    assert ("BAD_USER_INPUT", message) == await mistake(api, literal)


@on_sqlite
@pytest.mark.parametrize("value", ["1", 1.5, True, [1, 2], {"a": 1}, 2**31, -(2**31) - 1, 2**63, 2**64])
async def test_what_is_no_int_does_not_fit_a_variable(api: Api, value: object) -> None:
    """GraphQL's Int has 32 bits, and nothing is made one."""
    assert "BAD_USER_INPUT" == await api.code(FIELDS["Query.orders"] % "nodes { id }", first=value)


@on_sqlite
@pytest.mark.parametrize(
    "value", ['"1"', "1.5", "1e2", "true", "ONE", "[1, 2]", "2147483648", str(2**63), "9" * 400, "1e400"]
)
async def test_what_is_no_int_is_no_valid_literal(api: Api, value: str) -> None:
    """It is found before anything is executed."""
    assert "GRAPHQL_VALIDATION_FAILED" == await api.code(f"{{ orders(first: {value}) {{ nodes {{ id }} }} }}")


@everywhere
async def test_a_cursor_of_rubbish_is_refused(database: Database, api: Api, query: str) -> None:
    """Whatever is wrong with it, the message is the same."""
    await fill(database)
    rubbish = ["", "x", "=", "%%%", "\N{SNOWMAN}", "a" * 10_000, "YXJyYXljb25uZWN0aW9uOjE=", "bnVsbA", "W10"]

    found = {
        await mistake(api, query, **{argument: cursor})
        for cursor in rubbish
        for argument in ("after", "before")
    }

    assert {("BAD_USER_INPUT", BAD_CURSOR)} == found


@everywhere
async def test_a_cursor_that_was_tampered_with_is_refused(database: Database, api: Api, query: str) -> None:
    """Its key must be a moment and a row's id, and it is never the database that finds out."""
    await fill(database)
    cursor = await first_cursor(api, query)
    fingerprint, moment, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))

    found = {
        await mistake(api, query, after=encoded(value))
        for value in (
            [fingerprint],
            [fingerprint, moment],
            [fingerprint, moment, row_id, 1, 1],
            [fingerprint, moment, str(row_id)],
            [fingerprint, str(moment), row_id],
            [fingerprint, moment, True],
            [fingerprint, moment, 1.5],
            [fingerprint, moment, None],
            [fingerprint, moment, -1],
            [fingerprint, moment, 2**63],
            [fingerprint, 2**63, row_id],
            [fingerprint, 10**400, row_id],
            [fingerprint, float("inf"), row_id],
            ["", moment, row_id],
            [[fingerprint], moment, row_id],
            {"a": 1},
            cursor,
        )
    }

    assert {("BAD_USER_INPUT", BAD_CURSOR)} == found


async def first_cursor(api: Api, query: str, **variables: str) -> str:
    data = await api.data(query % "edges { cursor }", **variables)
    while "edges" not in data:
        (data,) = data.values() if isinstance(data, dict) else data[:1]
    cursor: str = data["edges"][0]["cursor"]
    return cursor


@pytest.mark.parametrize("moment", [-30_610_224_000_000_000, 253_402_300_799_999_999])
@everywhere
async def test_a_cursor_may_lie_at_the_ends_of_time(
    database: Database, api: Api, query: str, moment: int
) -> None:
    """A forged moment that a calendar has is a place like any other."""
    await fill(database)
    cursor = await first_cursor(api, query)
    fingerprint, _, row_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    forged = encoded([fingerprint, moment, row_id])

    after = await api.data(query % "nodes { id }", after=forged)
    before = await api.data(query % "nodes { id }", before=forged)

    assert after != before


async def test_a_cursor_of_another_field_is_refused(database: Database, api: Api) -> None:
    """And of the same field with another filter; a cursor serves only where it came from."""
    await fill(database)
    queries = {**FIELDS, "archived": ARCHIVED}
    cursors = {name: await first_cursor(api, query) for name, query in queries.items()}

    taken = {
        (source, target)
        for source, cursor in cursors.items()
        for target, query in queries.items()
        if "errors" not in await api.send(query % "nodes { id }", after=cursor)
    }
    refused = await mistake(api, FIELDS["Query.orders"], after=cursors["Customer.orders"])

    assert {(name, name) for name in queries} == taken
    assert ("BAD_USER_INPUT", BAD_CURSOR) == refused


async def test_a_bad_page_of_one_field_leaves_the_others(database: Database, api: Api) -> None:
    """Its parent is null where it may be; what another field waits for is not given up with it."""
    order = await create_order(database, await create_customer(database), line())

    answer = await api.send(
        """
        query ($ids: [ID!]!) {
          bad: nodes(ids: $ids) {
            ... on Order { customer { orders(first: -1) { nodes { id } } } lines { sku } }
          }
          good: nodes(ids: $ids) { ... on Order { lines { sku } } }
        }
        """,
        ids=[global_id(order)],
    )

    assert {"bad": [None], "good": [{"lines": [{"sku": "MUG-01"}]}]} == answer["data"]
    assert [["bad", 0, "customer", "orders"]] == [error["path"] for error in answer["errors"]]


KINDS = {
    "customers by name": "customers(orderBy: [{ field: NAME }], PAGE) { FOUND }",
    "customers by username": "customers(orderBy: [{ field: USERNAME }], PAGE) { FOUND }",
    "customers by createdAt": "customers(PAGE) { FOUND }",
    "search": 'customers(search: "customer", PAGE) { FOUND }',
    "orders by total": "orders(orderBy: [{ field: TOTAL }], PAGE,"
    ' where: { total: { currency: { eq: "EUR" } } }) { FOUND }',
    "orders by status": "orders(orderBy: [{ field: STATUS }, { field: PLACED_AT }], PAGE) { FOUND }",
    "orders of a customer": "customers(first: 1) { nodes { orders(PAGE) { FOUND } } }",
    "history of a node": "history(node: $node, PAGE) { FOUND }",
    "history of a customer": "customers(first: 1) { nodes { history(PAGE) { FOUND } } }",
}
# As JSON; each in the place of each part of a cursor, which has a fingerprint, and keys of some columns.
FORGED = [
    *("null", "true", "false", "0", "-1", "1.5", "1e300", "-1e-300", "9" * 19, "9" * 20, "-" + "9" * 20),
    *("9" * 400, "1e400", "NaN", "Infinity", "18446744073709551615", "9223372036854775807"),
    *('""', '"x"', '"NaN"', '"sNaN"', '"-0"', '"1E+9"', '"' + "9" * 20 + '"', '"' + "9" * 2000 + '"'),
    *(
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'"\u0000"',
        '"\x00"',
        '"\u0661"',
        '"\U0010ffff"',
        '"' + "\u0301" * 500 + '"',
    ),
    *(
        "[]",
        "{}",
        '["x"]',
        '{"x": 1}',
        "[" * 300 + "]" * 300,
        "[" * 1500 + "]" * 1500,
        "",
        "1,1",
        "]",
        "[",
        "\ufeff1",
    ),
]


@on_sqlite
@pytest.mark.parametrize("kind", KINDS)
async def test_a_forged_cursor_is_a_place_or_refused(database: Database, api: Api, kind: str) -> None:
    """Whatever JSON stands in a cursor, the request is answered, or its cursor is refused as any other."""
    for _ in range(2):
        await create_order(database, await create_customer(database))
    node = (await api.data("{ customers(first: 1) { nodes { id } } }"))["customers"]["nodes"][0]["id"]
    paging = "first: $first, after: $after"
    variables = "$first: Int, $after: String" + (", $node: ID!" if "$node" in KINDS[kind] else "")
    sent = {"node": node} if "$node" in variables else {}
    query = f"query ({variables}) {{ {KINDS[kind].replace('PAGE', paging).replace('FOUND', '%s')} }}"
    cursor = await first_cursor(api, query, **sent)
    parts = [json.dumps(part) for part in json.loads(base64.urlsafe_b64decode(cursor + "==="))]

    answers = set()
    for place in range(len(parts)):
        for forged in FORGED:
            text = f"[{','.join([*parts[:place], forged, *parts[place + 1 :]])}]"
            made = base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
            answer = await api.send(query % "nodes { __typename }", after=made, **sent)
            answers |= {(each["extensions"]["code"], each["message"]) for each in answer.get("errors", ())}

    assert {("BAD_USER_INPUT", BAD_CURSOR)} == answers
