"""orderSummary and Customer.orderStats, as a client asks for them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from db import orders
from db.engine.database import Database
from db.models import Customer
from db.money import Money
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order
from tests.shared_tidb import Statements

PAGE = Path(__file__).parents[3] / "docs" / "reading-sums.md"
GROUPS = """
query (
  $where: OrderWhere, $groupBy: [OrderGroup!], $zone: String, $orderBy: [OrderSummaryOrder!], $first: Int
) {
  orderSummary(where: $where, groupBy: $groupBy, timeZone: $zone, orderBy: $orderBy, first: $first) {
    status customer { username } bucket { start end } count total { amount currency }
  }
}
"""
STATS = """
query ($first: Int, $where: OrderWhere) {
  customers(first: $first, orderBy: [{field: USERNAME}]) {
    nodes { username orderStats(where: $where) { count total { amount currency } } }
  }
}
"""
MARCH = datetime(2026, 3, 1, tzinfo=UTC)


async def pay(
    database: Database, customer: Customer, amount: str, currency: str, placed_at: datetime
) -> None:
    total = Money(Decimal(amount), currency)
    order = await create_order(database, customer, total=total, placed_at=placed_at)
    await database.write(lambda transaction: orders.transition(transaction, order.id, "PAID"))


def entry(count: int, amount: str, currency: str = "EUR", **shown: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"status": None, "customer": None, "bucket": None}
    return {**empty, **shown, "count": count, "total": {"amount": amount, "currency": currency}}


async def test_orders_are_summed_up_by_currency_and_group(database: Database, api: Api) -> None:
    """Two currencies are never added, and what was not grouped by is null."""
    ada, zoe = [await create_customer(database, username=name) for name in ("ada", "zoe")]
    await pay(database, ada, "0.1", "EUR", MARCH)
    await pay(database, ada, "0.2", "EUR", MARCH)
    await pay(database, ada, "5", "USD", MARCH)
    await create_order(database, zoe, total=Money(Decimal("0.7"), "EUR"), placed_at=MARCH)
    of_all = await api.data(GROUPS)
    by_status = await api.data(GROUPS, groupBy=["STATUS", "CURRENCY"])
    by_both = await api.data(GROUPS, groupBy=["CUSTOMER", "MONTH"])
    of_zoe = await api.data(GROUPS, where={"customer": {"username": {"eq": "zoe"}}}, groupBy=[])
    of_none = await api.data(GROUPS, where={"or": []}, groupBy=["DAY"])
    march = {"start": "2026-03-01T00:00:00.000000Z", "end": "2026-04-01T00:00:00.000000Z"}

    assert [entry(3, "1"), entry(1, "5", "USD")] == of_all["orderSummary"]
    assert [
        entry(2, "0.3", status="PAID"),
        entry(1, "5", "USD", status="PAID"),
        entry(1, "0.7", status="PENDING"),
    ] == by_status["orderSummary"]
    assert entry(2, "0.3", customer={"username": "ada"}, bucket=march) == by_both["orderSummary"][0]
    assert [entry(1, "0.7")] == of_zoe["orderSummary"]
    assert [] == of_none["orderSummary"]


async def test_days_of_a_zone_have_their_own_borders(database: Database, api: Api) -> None:
    """On the day when Berlin's clocks go forward, from its first microsecond to its last."""
    ada = await create_customer(database)
    start, end = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 22, tzinfo=UTC)
    for moment in (start - timedelta(microseconds=1), start, end - timedelta(microseconds=1), end):
        await pay(database, ada, "1", "EUR", moment)
    data = await api.data(GROUPS, groupBy=["DAY"], zone="Europe/Berlin")
    utc = await api.data(GROUPS, groupBy=["DAY"])

    borders = [
        f"2026-03-{day}T{hour}:00:00.000000Z" for day, hour in ((27, 23), (28, 23), (29, 22), (30, 22))
    ]
    assert [
        entry(count, str(count), bucket={"start": borders[n], "end": borders[n + 1]})
        for n, count in enumerate((1, 2, 1))
    ] == data["orderSummary"]
    assert [2, 2] == [each["count"] for each in utc["orderSummary"]]


async def test_a_customers_stats_are_one_entry_a_currency(database: Database, api: Api) -> None:
    """By the currency's code; a customer without orders has none."""
    ada = await create_customer(database, username="ada")
    await create_customer(database, username="zoe")
    await pay(database, ada, "99999999999.9999", "USD", MARCH)
    await pay(database, ada, "99999999999.9999", "USD", MARCH)
    await create_order(database, ada, total=Money(Decimal("0.5"), "EUR"))
    data = await api.data(STATS)
    paid = await api.data(STATS, where={"status": {"eq": "PAID"}})

    eur = {"count": 1, "total": {"amount": "0.5", "currency": "EUR"}}
    usd = {"count": 2, "total": {"amount": "199999999999.9998", "currency": "USD"}}
    assert [[eur, usd], []] == [each["orderStats"] for each in data["customers"]["nodes"]]
    assert [[usd], []] == [each["orderStats"] for each in paid["customers"]["nodes"]]


async def test_statements_do_not_grow_with_customers(
    database: Database, api: Api, statements: Statements
) -> None:
    """Stats of one customer and of fifty are one statement, and so are a summary's customers."""
    for _ in range(50):
        await create_order(database, await create_customer(database))
    counts = []
    for first in (1, 50):
        for query, groups in ((STATS, None), (GROUPS, ["CUSTOMER"])):
            statements.clear()
            await api.data(query, first=first, **({"groupBy": groups} if groups else {}))
            counts.append(len(statements))
    statements.clear()
    await api.data(GROUPS)

    # customers and stats; the summary and its customers
    assert [2, 2, 2, 2] == counts
    # What was not grouped by customer asks for none.
    assert 1 == len(statements)


async def test_the_top_customers_are_one_query(database: Database, api: Api) -> None:
    """Those who spent the most of one currency; by default those with the most orders come first."""
    customers = [await create_customer(database, username=f"c{n}") for n in range(3)]
    for n, amounts in enumerate((("9",), ("10", "0.5"), ("3", "3", "3.5"))):
        for amount in amounts:
            await pay(database, customers[n], amount, "EUR", MARCH)
    await pay(database, customers[0], "1000", "USD", MARCH)
    euros = {"total": {"currency": {"eq": "EUR"}}}
    by_total = [{"field": "TOTAL", "direction": "DESC"}]
    top = await api.data(GROUPS, groupBy=["CUSTOMER"], where=euros, orderBy=by_total, first=2)
    busiest = await api.data(GROUPS, groupBy=["CUSTOMER"], first=1)
    none = await api.data(GROUPS, groupBy=["CUSTOMER"], first=0)

    assert [
        entry(2, "10.5", customer={"username": "c1"}),
        entry(3, "9.5", customer={"username": "c2"}),
    ] == top["orderSummary"]
    assert [entry(3, "9.5", customer={"username": "c2"})] == busiest["orderSummary"]
    assert [] == none["orderSummary"]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"groupBy": ["DAY", "WEEK"]}, "groupBy must have at most one of DAY, WEEK and MONTH."),
        ({"zone": "Mars/Olympus"}, 'timeZone must be a name of the tz database, such as "Europe/Berlin".'),
        ({"zone": ""}, 'timeZone must be a name of the tz database, such as "Europe/Berlin".'),
        (
            {"orderBy": [{"field": "TOTAL"}]},
            "To sort by TOTAL, where must have one currency by eq.",
        ),
        ({"orderBy": [{"field": "COUNT"}, {"field": "COUNT"}]}, "orderBy must not repeat a field."),
        ({"first": 101}, "first must be from 0 to 100."),
        ({"first": -1}, "first must be from 0 to 100."),
        (
            {
                "groupBy": ["DAY"],
                "where": {"placedAt": {"gte": "2025-01-01T00:00:00Z", "lte": "2026-01-02T00:00:00Z"}},
            },
            "The result has more than 366 buckets. Narrow placedAt in where, or group by WEEK or MONTH.",
        ),
        (
            {"groupBy": ["DAY"], "where": {"placedAt": {"eq": "1000-01-01T00:00:00Z"}}},
            "DAY, WEEK and MONTH support the years 1001 to 9998. Narrow placedAt in where.",
        ),
    ],
)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_cannot_be_summed_up_is_said(
    api: Api, statements: Statements, sent: dict[str, Any], message: str
) -> None:
    """With the code BAD_USER_INPUT, and before any statement is sent."""
    statements.clear()
    (error,) = (await api.send(GROUPS, **sent))["errors"]

    assert ("BAD_USER_INPUT", message) == (error["extensions"]["code"], error["message"])
    assert [] == statements


async def test_orders_of_too_long_a_time_are_refused(database: Database, api: Api) -> None:
    """Also where it is the orders that are too far apart, and not what `where` says."""
    ada = await create_customer(database)
    await pay(database, ada, "1", "EUR", MARCH)
    await pay(database, ada, "1", "EUR", MARCH + timedelta(days=366))

    assert "BAD_USER_INPUT" == await api.code(GROUPS, groupBy=["DAY"])
    assert 2 == len((await api.data(GROUPS, groupBy=["WEEK"]))["orderSummary"])


async def test_nulls_are_as_if_absent(database: Database, api: Api) -> None:
    """For every argument."""
    ada = await create_customer(database, username="ada")
    await pay(database, ada, "1", "EUR", MARCH)
    data = await api.data(GROUPS, where=None, groupBy=None, zone=None, orderBy=None, first=None)
    mine = {"customer": {"id": {"eq": GlobalId("Customer", ada.id).encode()}}}

    assert [entry(1, "1")] == data["orderSummary"]
    assert [entry(1, "1")] == (await api.data(GROUPS, where=mine, orderBy=[]))["orderSummary"]


async def test_the_documentations_examples_run(database: Database, api: Api) -> None:
    """Each query of the page has an answer over an order of that time."""
    ada = await create_customer(database, username="ada")
    await pay(database, ada, "1", "EUR", datetime(2026, 3, 29, tzinfo=UTC))
    answers = [await api.data(query) for query in re.findall(r"```graphql\n(.*?)```", PAGE.read_text(), re.S)]
    one = {"count": 1, "total": {"amount": "1", "currency": "EUR"}}

    assert ["1", "1"] == [answer["orderSummary"][0]["total"]["amount"] for answer in answers[:2]]
    assert [[one]] == [each["orderStats"] for each in answers[2]["customers"]["nodes"]]
