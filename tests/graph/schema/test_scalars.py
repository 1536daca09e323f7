"""Strict scalars: what is not written exactly as the schema says is refused, never guessed."""

import json
from datetime import UTC, datetime
from typing import Any

import pycountry
import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.engine.database import Database
from graph.types import currencies
from graph.types.scalars import parse_date_time, serialize_date_time
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, global_id
from tests.table_rows import stored_rows

CREATE = """
mutation ($id: ID!, $amount: Decimal!, $currency: CurrencyCode!, $placedAt: DateTime) {
  createOrder(
    input: { customerId: $id, total: { amount: $amount, currency: $currency }, placedAt: $placedAt }
  ) { order { placedAt } userErrors { code } }
}
"""
LITERAL = """
mutation {
  createOrder(input: { customerId: "x", total: { amount: %s, currency: %s }, placedAt: %s }) {
    userErrors { code }
  }
}
"""
GOOD: dict[str, Any] = {"amount": "1", "currency": "EUR", "placedAt": None}

# Each as JSON, which here is a GraphQL literal too.
BAD_DECIMALS = [
    *("1", "0", "-1", "9.99", "1e3", "true", "[]", '["1"]', "{}"),
    *(
        json.dumps(text)
        for text in (
            *("", " ", "NaN", "nan", "sNaN", "Infinity", "-Infinity", "inf", "1e500", "1E5", "1e-4"),
            *("1.23456", "0.00001", "1.", ".5", "-.5", "-", "+1", "01", "-01", "00", "1_000", "1,000"),
            *(
                " 1",
                "1 ",
                "1\\n",
                "0x1",
                "1.2.3",
                "--1",
                "1/2",
                "EUR 1",
                "\u0661",
                "\uff11",
                "\u00b2",
                "1\u06f0",
            ),
        )
    ),
]
BAD_CURRENCIES = [
    *("1", "true", "[]", '["EUR"]', "{}"),
    *(
        json.dumps(text)
        for text in (
            "",
            "eur",
            "Eur",
            "EU",
            "EURO",
            " EUR",
            "EUR ",
            "EUR\\n",
            "\u20ac",
            "\u0415UR",
            "\u00c9UR",
            "978",
        )
    ),
]
BAD_TIMES = [
    *("1", "1.5", "1767225600", "true", "[]", "{}"),
    *(
        json.dumps(text)
        for text in (
            *("", "now", "2026", "2026-02-28", "09:30:00Z", "20260228T093000Z", "2026-W09-6T09:30:00Z"),
            *("2026-02-28T09:30:00", "2026-02-28T09:30Z", "2026-02-28 09:30:00Z", "2026-02-28T09Z"),
            *("2026-02-28T09:30:00.Z", "2026-02-28T09:30:00,5Z"),
            *("2026-02-30T09:30:00Z", "2026-13-01T09:30:00Z", "2026-00-01T09:30:00Z", "2025-02-29T00:00:00Z"),
            *("2026-02-28T24:00:00Z", "2026-02-28T09:60:00Z", "2026-02-28T09:30:60Z", "2016-12-30T23:59:60Z"),
            *("2026-02-28T09:30:00+1", "2026-02-28T09:30:00+01", "2026-02-28T09:30:00+0100"),
            *("2026-02-28T09:30:00+24:00", "2026-02-28T09:30:00+12:60", "2026-02-28T09:30:00Z+01:00"),
            *("0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00"),
            *("0999-12-31T23:59:59.999999Z", "1000-01-01T00:00:00+00:01", "10000-01-01T00:00:00Z"),
            *(
                "9999-12-31T23:59:59.999999-12:00",
                "9999-12-31T23:59:60Z",
                "+2026-02-28T09:30:00Z",
                "-2026-02-28T09:30:00Z",
            ),
            *(" 2026-02-28T09:30:00Z", "2026-02-28T09:30:00Z ", "2026-02-28T09:30:00Z\\n"),
            "\u0662\u0660\u0662\u0666-02-28T09:30:00Z",
        )
    ),
]
BAD = {"amount": BAD_DECIMALS, "currency": BAD_CURRENCIES, "placedAt": BAD_TIMES}


@on_sqlite
@pytest.mark.parametrize("name", BAD)
async def test_a_bad_scalar_is_refused(database: Database, api: Api, name: str) -> None:
    """As a variable it is BAD_USER_INPUT, as a literal the document is not valid; nothing is stored."""
    customer = await create_customer(database)
    codes = {}
    for value in BAD[name]:
        values = {each: json.dumps(good) for each, good in GOOD.items()} | {name: value}
        variables = {each: json.loads(text) for each, text in values.items()}
        literals = values["amount"], values["currency"], values["placedAt"]
        codes[value] = (
            await api.code(CREATE, id=global_id(customer), **variables),
            await api.code(LITERAL % literals),
        )

    assert dict.fromkeys(BAD[name], ("BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED")) == codes
    assert [] == (await stored_rows(database))["orders"]


@on_sqlite
@pytest.mark.parametrize(
    ("name", "literal"),
    [
        ("currency", "EUR"),
        ("amount", "ONE"),
        ("placedAt", "NOW"),
        ("amount", "9" * 5000),
        ("amount", "1e400"),
    ],
)
async def test_only_a_string_stands_for_a_scalar(api: Api, name: str, literal: str) -> None:
    """A bare word is an enum's value, and a number is a number; the error says where it stands."""
    values = {each: json.dumps(good) for each, good in GOOD.items()} | {name: literal}
    query = LITERAL % (values["amount"], values["currency"], values["placedAt"])
    line = 1 + query[: query.index(f": {literal}")].count("\n")

    (error,) = (await api.send(query))["errors"]

    assert "GRAPHQL_VALIDATION_FAILED" == error["extensions"]["code"]
    assert line == error["locations"][0]["line"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("2026-02-28T09:30:00Z", "2026-02-28T09:30:00.000000Z"),
        ("2026-02-28T09:30:00.5Z", "2026-02-28T09:30:00.500000Z"),
        ("2026-02-28t09:30:00.123456z", "2026-02-28T09:30:00.123456Z"),
        ("2026-02-28T09:30:00.1234567Z", "2026-02-28T09:30:00.123456Z"),
        ("2026-02-28T09:30:00.999999999+00:00", "2026-02-28T09:30:00.999999Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("1990-12-31T15:59:60.25-08:00", "1991-01-01T00:00:00.250000Z"),
        ("2026-02-28T09:30:00-00:00", "2026-02-28T09:30:00.000000Z"),
        ("2026-02-28T00:30:00+05:45", "2026-02-27T18:45:00.000000Z"),
        ("2026-02-28T23:30:00-23:59", "2026-03-01T23:29:00.000000Z"),
        ("2024-02-29T00:00:00.000001Z", "2024-02-29T00:00:00.000001Z"),
        ("1000-01-01T00:00:00Z", "1000-01-01T00:00:00.000000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
    ],
)
async def test_a_moment_comes_back_in_utc(database: Database, api: Api, sent: str, expected: str) -> None:
    """With microseconds always, from the first year to the last that both databases hold."""
    customer = await create_customer(database)

    created = await api.data(CREATE, id=global_id(customer), **GOOD | {"placedAt": sent})
    read = await api.data("{ orders { nodes { placedAt } } }")

    assert {"order": {"placedAt": expected}, "userErrors": []} == created["createOrder"]
    assert {"orders": {"nodes": [{"placedAt": expected}]}} == read


@given(st.datetimes(datetime(1000, 1, 1), datetime.max, timezones=st.just(UTC)))
def test_a_written_moment_is_read_as_itself(moment: datetime) -> None:
    """What goes out can be sent in again."""
    text = serialize_date_time(moment)

    assert moment == parse_date_time(text) == parse_date_time(text.lower())


@on_sqlite
@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ("2026-02-30T09:30:00Z", "No such day: 2026-02-30."),
        ("2025-02-29T09:30:00.5+01:00", "No such day: 2025-02-29."),
        ("2026-02-28T24:00:00Z", "No such time: 24:00:00."),
        ("2026-02-28T09:30:60Z", "No such time: 09:30:60. A leap second ends a month in UTC."),
        ("2026-02-28T09:30:00+24:00", "No such offset: +24:00."),
        (
            "2026-02-28T09:30:00",
            "2026-02-28T09:30:00 has no offset. Add Z for UTC, or one such as +01:00.",
        ),
        ("0999-12-31T23:59:59Z", "DateTime must be from the year 1000 to 9999, in UTC."),
        ("9999-12-31T23:59:59-12:00", "DateTime must be from the year 1000 to 9999, in UTC."),
        ("28.2.2026", 'DateTime must be a string such as "2026-02-28T09:30:00Z".'),
    ],
)
async def test_the_message_says_what_is_wrong_with_a_time(api: Api, sent: str, message: str) -> None:
    """As a variable and as a literal."""
    query = "{ orders(where: { placedAt: { gt: %s } }) { nodes { id } } }"
    variable = "query ($t: DateTime!) " + query % "$t"
    (error,) = (await api.send(variable, t=sent))["errors"]
    (literal,) = (await api.send(query % json.dumps(sent)))["errors"]

    assert error["message"].endswith(message)
    assert message == literal["message"]


@pytest.mark.parametrize("currency", ["EUR", "XAU", "ANG", "BGN", "HRK", "DEM", "ZWL", "SLL", "XEU"])
async def test_currencies_of_today_and_of_the_past_are_known(
    database: Database, api: Api, currency: str
) -> None:
    """Old orders were placed in currencies that were withdrawn since."""
    customer = await create_customer(database)

    created = await api.data(CREATE, id=global_id(customer), **GOOD | {"currency": currency})

    assert [] == created["createOrder"]["userErrors"]


def test_no_withdrawn_currency_is_in_use() -> None:
    """Neither list has codes of the other, so none is listed by mistake."""
    assert set() == currencies.WITHDRAWN & {each.alpha_3 for each in pycountry.currencies}
    assert {3} == set(map(len, currencies.WITHDRAWN))
