"""Changing orders: patches, lines as a whole, and versions."""

from typing import Any

import pytest

from db.engine.database import Database
from db.models import Order
from graph.global_ids import GlobalId
from tests.api import Api
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing.user_errors import PROBLEM, Problem, invalid, not_found, taken
from tests.table_rows import stored_rows

ORDER = """
id reference status placedAt version createdAt updatedAt
total { amount currency }
lines { position sku name quantity unitPrice { amount currency } }
"""
UPDATE = f"""
mutation ($input: UpdateOrderInput!) {{
  updateOrder(input: $input) {{ order {{ {ORDER} }} userErrors {{ ...Problem }} }}
}}
{PROBLEM}
"""
READ = "query ($id: ID!) { order(by: { id: $id }) { " + ORDER + " } }"
NO_ORDER = GlobalId("Order", 2**53).encode()


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def mug(**changed: Any) -> dict[str, Any]:
    return {"sku": "MUG-01", "name": "Article MUG-01", "quantity": 1, "unitPrice": euros("12.5")} | changed


async def read(api: Api, order: Order) -> Any:
    return (await api.data(READ, id=global_id(order)))["order"]


async def update(api: Api, order: Order, **changed: Any) -> Any:
    return (await api.data(UPDATE, input={"id": global_id(order), **changed}))["updateOrder"]


async def with_total(database: Database) -> Order:
    return await create_order(database, await create_customer(database), reference="SO-1")


async def with_lines(database: Database) -> Order:
    return await create_order(database, await create_customer(database), line(), line("TEA-02"))


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"reference": "SO-2"}, {"reference": "SO-2"}),
        ({"reference": None}, {"reference": None}),
        ({"placedAt": "2026-02-28T09:30:00Z"}, {"placedAt": "2026-02-28T09:30:00.000000Z"}),
        ({"total": euros("0.10")}, {"total": euros("0.1")}),
        ({"total": {"amount": "10", "currency": "USD"}}, {"total": {"amount": "10", "currency": "USD"}}),
    ],
    ids=["reference", "no reference", "time", "amount", "currency"],
)
async def test_an_update_keeps_what_it_leaves_out(
    database: Database, api: Api, sent: dict[str, Any], expected: dict[str, Any]
) -> None:
    """The version goes up by one, updatedAt to a later time, and all else stays."""
    order = await with_total(database)
    before = await read(api, order)

    payload = await update(api, order, **sent)

    after = payload["order"]
    assert [] == payload["userErrors"]
    assert before["updatedAt"] < after["updatedAt"]
    assert {**before, **expected, "version": 2, "updatedAt": after["updatedAt"]} == after
    assert after == await read(api, order)


async def test_lines_are_replaced_as_a_whole(database: Database, api: Api) -> None:
    """The new ones stand instead of the old ones, and the total follows."""
    order = await with_lines(database)

    payload = await update(api, order, lines=[mug(quantity=4), mug(sku="TEA-02"), mug(sku="INK-07")])

    after = payload["order"]
    assert [] == payload["userErrors"]
    assert (2, euros("75")) == (after["version"], after["total"])
    assert [(1, "MUG-01", 4), (2, "TEA-02", 1), (3, "INK-07", 1)] == [
        (each["position"], each["sku"], each["quantity"]) for each in after["lines"]
    ]
    assert after == await read(api, order)


async def test_lines_may_change_and_their_total_not(database: Database, api: Api) -> None:
    """That is a change as well: the version goes up."""
    order = await with_lines(database)

    payload = await update(api, order, lines=[mug(sku="INK-07"), mug(sku="TEA-02")])

    assert (2, euros("25"), ["INK-07", "TEA-02"]) == (
        payload["order"]["version"],
        payload["order"]["total"],
        [each["sku"] for each in payload["order"]["lines"]],
    )


async def test_an_order_with_a_total_can_get_lines(database: Database, api: Api) -> None:
    """From then on it is one that has lines."""
    order = await with_total(database)

    payload = await update(api, order, lines=[mug()])
    refused = await update(api, order, total=euros("1"))

    assert (2, euros("12.5"), 1) == (
        payload["order"]["version"],
        payload["order"]["total"],
        len(payload["order"]["lines"]),
    )
    assert [invalid("HAS_LINES", "total")] == refused["userErrors"]


SAME_LINES = [mug(), mug(sku="TEA-02", name="Article TEA-02", unitPrice=euros("12.5000"))]


@pytest.mark.parametrize("sent", [{}, {"lines": SAME_LINES}], ids=["nothing", "the same lines"])
async def test_a_change_of_nothing_keeps_the_version(
    database: Database, api: Api, sent: dict[str, Any]
) -> None:
    """Lines are compared by their values, not by how an amount was spelt."""
    order = await with_lines(database)
    before = await stored_rows(database)

    payload = await update(api, order, **sent)

    assert (1, []) == (payload["order"]["version"], payload["userErrors"])
    assert before == await stored_rows(database)


async def test_the_same_total_keeps_the_version(database: Database, api: Api) -> None:
    """So do the same reference and the same moment in another offset."""
    order = await with_total(database)
    placed_at = (await read(api, order))["placedAt"].replace("Z", "-00:00")
    before = await stored_rows(database)

    payload = await update(api, order, total=euros("10.0000"), reference="SO-1", placedAt=placed_at)

    assert (1, []) == (payload["order"]["version"], payload["userErrors"])
    assert before == await stored_rows(database)


REFUSED: dict[str, tuple[dict[str, Any], list[Problem]]] = {
    "no total": ({"total": None}, [invalid("REQUIRED", "total")]),
    "null for lines": ({"lines": None}, [invalid("REQUIRED", "lines")]),
    "no lines": ({"lines": []}, [invalid("REQUIRED", "lines")]),
    "no time": ({"placedAt": None}, [invalid("REQUIRED", "placedAt")]),
    "no reference in it": ({"reference": ""}, [invalid("REQUIRED", "reference")]),
    "a long reference": ({"reference": "r" * 65}, [invalid("TOO_LONG", "reference")]),
    "both": ({"total": euros("1"), "lines": [mug()]}, [invalid("TOTAL_OR_LINES", "total")]),
    "an unknown currency": (
        {"total": {"amount": "1", "currency": "ABC"}},
        [invalid("UNKNOWN_CURRENCY", "total", "currency")],
    ),
    "too much": ({"total": euros("100000000000")}, [invalid("AMOUNT_OUT_OF_RANGE", "total", "amount")]),
    "too many lines": ({"lines": [mug()] * 201}, [invalid("TOO_LONG", "lines")]),
    "none of it": ({"lines": [mug(quantity=-1)]}, [invalid("OUT_OF_RANGE", "lines", "0", "quantity")]),
}


@on_sqlite
@pytest.mark.parametrize(("sent", "problems"), REFUSED.values(), ids=REFUSED)
async def test_updating_refuses_what_rules_forbid(
    database: Database, api: Api, sent: dict[str, Any], problems: list[Problem]
) -> None:
    """What may not be cleared, what is too long, and a total beside lines."""
    order = await with_total(database)
    before = await stored_rows(database)

    payload = await update(api, order, **sent)

    assert {"order": None, "userErrors": problems} == payload
    assert before == await stored_rows(database)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([mug(), mug(unitPrice={"amount": "1", "currency": "USD"})], invalid("MIXED_CURRENCIES", "lines")),
        (
            [mug(quantity=1_000_000, unitPrice=euros("100000"))],
            invalid("AMOUNT_OUT_OF_RANGE", "lines", "0"),
        ),
        (
            [mug(unitPrice=euros("99999999999.9999"))] * 2,
            invalid("AMOUNT_OUT_OF_RANGE", "lines"),
        ),
    ],
    ids=["two currencies", "product", "sum"],
)
async def test_lines_that_do_not_add_up_change_nothing(
    database: Database, api: Api, lines: list[dict[str, Any]], problem: Problem
) -> None:
    """The old lines stay, with their total."""
    order = await with_lines(database)
    before = await stored_rows(database)

    payload = await update(api, order, lines=lines, reference="SO-9")

    assert {"order": None, "userErrors": [problem]} == payload
    assert before == await stored_rows(database)


async def test_the_total_of_lines_is_not_set(database: Database, api: Api) -> None:
    """It follows from them, and all else of the same input stays undone."""
    order = await with_lines(database)
    before = await stored_rows(database)

    payload = await update(api, order, total=euros("25"), reference="SO-9")

    assert {"order": None, "userErrors": [invalid("HAS_LINES", "total")]} == payload
    assert before == await stored_rows(database)


async def test_the_reference_of_another_order_is_taken(database: Database, api: Api) -> None:
    """New lines of the same input are undone with it."""
    await with_total(database)
    order = await with_lines(database)
    before = await stored_rows(database)

    payload = await update(api, order, reference="SO-1", lines=[mug(sku="INK-07")])

    assert {"order": None, "userErrors": [taken("SO-1", "reference")]} == payload
    assert before == await stored_rows(database)


async def test_an_id_of_no_order_is_not_found(database: Database, api: Api) -> None:
    """Rubbish, a customer's id and an id of nothing are answered alike."""
    order = await with_total(database)
    customer_id = GlobalId("Customer", order.customer_id).encode()
    before = await stored_rows(database)

    for sent in ("", "rubbish", customer_id, NO_ORDER):
        data = await api.data(UPDATE, input={"id": sent, "reference": "SO-9"})

        assert {"order": None, "userErrors": [not_found(sent, "id")]} == data["updateOrder"]
    assert before == await stored_rows(database)
