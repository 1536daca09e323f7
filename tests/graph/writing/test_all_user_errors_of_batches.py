"""Each item of a batch reports all that is wrong with it: input errors and database errors together."""

import re
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.models import idempotency_keys
from tests.api import Api
from tests.factories import create_order, global_id
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.test_all_user_errors import (
    DOLLAR,
    EURO,
    LARGE,
    MISSING,
    MISSING_ORDER,
    UNKNOWN,
    TwoCustomers,
    a_line,
    bound,
    shop,
)
from tests.shared_tidb import Statements
from tests.table_rows import keys_of, stored_rows

__all__ = ["bound"]

Fields = dict[str, Any]
MODES = ["ALL_OR_NOTHING", "EACH"]
# By mutation: a valid item, and items with all their errors. `other` has the e-mail address.
UPSERTED_CUSTOMERS: list[tuple[Fields, list[str]]] = [
    (
        {"username": "ada", "name": "A", "email": "taken@example.com", "expectedVersion": 7},
        ["email TAKEN", "expectedVersion VERSION_CONFLICT"],
    ),
    (
        {"username": "ada", "name": "", "email": "x", "expectedVersion": 7},
        ["email INVALID_EMAIL", "expectedVersion VERSION_CONFLICT", "name REQUIRED"],
    ),
    (
        {"username": "new", "name": "", "email": "taken@example.com", "expectedVersion": 1},
        ["email TAKEN", "expectedVersion NOT_FOUND", "name REQUIRED"],
    ),
    (
        {"username": " ", "name": "A", "email": "taken@example.com", "expectedVersion": 1},
        ["email TAKEN", "username REQUIRED"],
    ),
    (
        {"username": "valid", "name": "", "email": "taken@example.com", "expectedVersion": 0},
        ["email TAKEN", "expectedVersion OUT_OF_RANGE", "name REQUIRED", "username REPEATED"],
    ),
]
CREATED_ORDERS: list[tuple[Fields, list[str]]] = [
    (
        {"customerId": "archived", "reference": "SO-1", "total": UNKNOWN},
        ["customerId CUSTOMER_ARCHIVED", "reference TAKEN", "total.currency UNKNOWN_CURRENCY"],
    ),
    (
        {"customerId": MISSING, "reference": "SO-1", "lines": [a_line(0)]},
        ["customerId NOT_FOUND", "lines.0.quantity OUT_OF_RANGE", "reference TAKEN"],
    ),
    (
        {"customerId": "archived", "reference": "SO-1", "total": EURO},
        ["customerId CUSTOMER_ARCHIVED", "reference TAKEN"],
    ),
    (
        {"customerId": "rubbish", "reference": "valid"},
        ["customerId NOT_FOUND", "reference REPEATED", "total TOTAL_OR_LINES"],
    ),
    (
        {
            "customerId": "archived",
            "reference": "",
            "lines": [a_line(2, LARGE), a_line(1, DOLLAR)],
        },
        [
            "customerId CUSTOMER_ARCHIVED",
            "lines MIXED_CURRENCIES",
            "lines.0 AMOUNT_OUT_OF_RANGE",
            "reference REQUIRED",
        ],
    ),
]
UPSERTED_ORDERS: list[tuple[Fields, list[str]]] = [
    (
        {"customerId": "archived", "reference": "paid", "lines": [a_line(0)]},
        ["customerId OTHER_CUSTOMER", "lines NOT_EDITABLE", "lines.0.quantity OUT_OF_RANGE"],
    ),
    (
        {"customerId": "archived", "reference": "paid", "total": EURO, "expectedVersion": 7},
        ["customerId OTHER_CUSTOMER", "expectedVersion VERSION_CONFLICT"],
    ),
    (
        {"customerId": "ada", "reference": "with lines", "total": UNKNOWN, "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "total HAS_LINES", "total.currency UNKNOWN_CURRENCY"],
    ),
    (
        {"customerId": "archived", "reference": "paid", "total": EURO, "lines": [a_line()]},
        ["customerId OTHER_CUSTOMER", "lines NOT_EDITABLE", "total TOTAL_OR_LINES"],
    ),
    (
        {"customerId": "archived", "reference": "new", "total": EURO, "expectedVersion": 1},
        ["customerId CUSTOMER_ARCHIVED", "expectedVersion NOT_FOUND"],
    ),
    (
        {"customerId": "archived", "reference": "valid", "total": EURO, "expectedVersion": 1},
        ["customerId CUSTOMER_ARCHIVED", "expectedVersion NOT_FOUND", "reference REPEATED"],
    ),
]
TRANSITIONS: list[tuple[Fields, list[str]]] = [
    (
        {"id": "paid", "to": "PENDING", "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "to ILLEGAL_TRANSITION"],
    ),
    (
        {"id": MISSING_ORDER, "to": "PAID", "expectedVersion": 0},
        ["expectedVersion OUT_OF_RANGE", "id NOT_FOUND"],
    ),
    ({"id": "rubbish", "to": "PAID", "expectedVersion": 0}, ["expectedVersion OUT_OF_RANGE", "id NOT_FOUND"]),
    ({"id": "SO-1", "to": "REFUNDED"}, ["id REPEATED", "to ILLEGAL_TRANSITION"]),
    (
        {"id": "SO-1", "to": "REFUNDED", "expectedVersion": 7},
        ["expectedVersion VERSION_CONFLICT", "id REPEATED"],
    ),
]
BATCHES: dict[str, tuple[str, Fields, list[tuple[Fields, list[str]]]]] = {
    "upsertCustomers": (mutations.UPSERT_CUSTOMERS, {"username": "valid", "name": "V"}, UPSERTED_CUSTOMERS),
    "createOrders": (
        mutations.CREATE_ORDERS,
        {"customerId": "ada", "reference": "valid", "total": EURO},
        CREATED_ORDERS,
    ),
    "upsertOrders": (
        mutations.UPSERT_ORDERS,
        {"customerId": "ada", "reference": "valid", "total": EURO},
        UPSERTED_ORDERS,
    ),
    "transitionOrders": (mutations.TRANSITION_ORDERS, {"id": "SO-1", "to": "PAID"}, TRANSITIONS),
}
# The codes that come from the input alone.
INPUT_ERRORS = re.compile("REQUIRED|INVALID|OUT_OF_RANGE|UNKNOWN_CURRENCY|MIXED|TOTAL_OR_LINES")


async def prepared(database: Database, items: list[Fields]) -> list[Fields]:
    """The rows that the items are about; and the items with ids for names."""
    ids = await shop(database)
    await database.write(_named)
    return [
        {
            name: ids.get(value, value) if name in ("id", "customerId") else value
            for name, value in item.items()
        }
        for item in items
    ]


async def _named(transaction: Any) -> None:
    """Give natural keys to the customer `ada` and to the order that has lines."""
    for table, column, value, row_id in (
        ("customers", "username", "ada", "(SELECT customer_id FROM orders WHERE reference = 'SO-1')"),
        ("orders", "reference", "with lines", "(SELECT MAX(order_id) FROM order_lines)"),
    ):
        await transaction.execute(sa.text(f"UPDATE {table} SET {column} = '{value}' WHERE id = {row_id}"))


def brief(result: Any) -> list[str]:
    return sorted(f"{'.'.join(each['path'][3:])} {each['code']}" for each in result["userErrors"])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BATCHES)
async def test_every_mistake_of_an_item_is_reported(
    database: Database, api: Api, name: str, mode: str
) -> None:
    """EACH stores the valid items and the results under the key; ALL_OR_NOTHING stores neither."""
    document, valid, mistakes = BATCHES[name]
    items = await prepared(database, [valid, *(each[0] for each in mistakes)])
    before = await stored_rows(database)

    rehearsed = await run(api, document, items=items, mode=mode, dryRun=True)
    unchanged = await stored_rows(database)
    payload = await run(api, document, items=items, mode=mode, idempotencyKey="key")
    keys = await keys_of(database)
    again = await run(api, document, items=items, mode=mode, idempotencyKey="key")

    # In ALL_OR_NOTHING, too, the first item counts as stored for those after it.
    assert [[], *(each[1] for each in mistakes)] == [brief(result) for result in payload["results"]]
    assert [brief(each) for each in payload["results"]] == [brief(each) for each in rehearsed["results"]]
    assert before == unchanged
    assert payload == again
    stores = mode == "EACH"
    assert (stores, stores) == (bool(payload["results"][0]["outcome"]), before != await stored_rows(database))
    assert (["key"] if stores else []) == [row[1] for row in keys]


@pytest.mark.parametrize("name", BATCHES)
async def test_each_item_alone_has_the_same_mistakes(database: Database, api: Api, name: str) -> None:
    """A batch in which no item can be stored only checks; with an input error its key stays unused."""
    document, _, mistakes = BATCHES[name]
    items = await prepared(database, [each[0] for each in mistakes])
    before = await stored_rows(database)
    for item, (_, errors) in zip(items, mistakes, strict=True):
        payloads = [
            await run(api, document, items=[item], mode=mode, idempotencyKey=f"{mode} {errors}")
            for mode in MODES
        ]

        expected = [each for each in errors if "REPEATED" not in each]
        assert [expected, expected] == [brief(payload["results"][0]) for payload in payloads]
        assert [[None]] * 2 == [[each["outcome"] for each in payload["results"]] for payload in payloads]
    used = {row[1].split(" ", 1)[1] for row in await keys_of(database)}
    assert {str(each[1]) for each in mistakes if not any(map(INPUT_ERRORS.search, each[1]))} == used
    assert before == await stored_rows(database)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", BATCHES)
async def test_checks_take_as_many_statements_for_any_size(
    database: Database, api: Api, statements: Statements, name: str, mode: str
) -> None:
    """One or two of each mistake, or twenty."""
    document, _, mistakes = BATCHES[name]
    items = await prepared(database, [each[0] for each in mistakes])

    async def count(times: int) -> int:
        statements.clear()
        await run(api, document, items=items * times, mode=mode, dryRun=True)
        return sum(statement.startswith("SELECT") for statement in statements)

    first = await count(1)
    # The keys of unique values, or orders and customers, and the changes since an expected version.
    assert first == {"upsertCustomers": 2, "createOrders": 2, "upsertOrders": 3, "transitionOrders": 2}[name]
    assert first == await count(20)


async def test_a_corrected_batch_takes_the_same_key(database: Database, api: Api) -> None:
    """After any input error in ALL_OR_NOTHING: it is another input."""
    wrong, right = await prepared(
        database,
        [
            {"username": "ada", "name": "", "expectedVersion": 7},
            {"username": "ada", "name": "Ada", "expectedVersion": 1},
        ],
    )
    refused = await run(api, mutations.UPSERT_CUSTOMERS, items=[wrong], idempotencyKey="key")
    corrected = await run(api, mutations.UPSERT_CUSTOMERS, items=[right], idempotencyKey="key")

    assert ["expectedVersion VERSION_CONFLICT", "name REQUIRED"] == brief(refused["results"][0])
    assert ([], "UPDATED") == (corrected["userErrors"], corrected["results"][0]["outcome"])


async def test_results_that_an_earlier_version_stored(database: Database, api: Api) -> None:
    """They have no entry for items with input errors: those report their input errors alone."""
    items = await prepared(
        database,
        [
            {"username": "ada", "name": "", "expectedVersion": 7},
            {"username": "new", "name": "New"},
            {"username": "newer", "name": "N", "email": "taken@example.com"},
        ],
    )
    sent: Any = {"items": items, "mode": "EACH", "idempotencyKey": "key"}
    first = await run(api, mutations.UPSERT_CUSTOMERS, **sent)
    column = idempotency_keys.c.outcome

    async def shorten(transaction: Any) -> None:
        ((text,),) = await transaction.fetch(sa.select(column))
        shorter = orjson.dumps(orjson.loads(text)[1:]).decode()
        await transaction.execute(idempotency_keys.update().values({column: shorter}))

    await database.write(shorten)
    again = await run(api, mutations.UPSERT_CUSTOMERS, **sent)

    assert ["expectedVersion VERSION_CONFLICT", "name REQUIRED"] == brief(first["results"][0])
    assert ["name REQUIRED"] == brief(again["results"][0])
    assert first["results"][1:] == again["results"][1:]


async def test_a_bound_key_learns_nothing_of_others_in_batches(two: TwoCustomers, bound: Api) -> None:
    """Input errors of an item do not reveal whether another customer's rows exist, or how they are."""
    bob, order = global_id(two.bob), await create_order(two.database, two.bob, reference="bob-9")
    upserted = await run(
        bound, mutations.UPSERT_CUSTOMERS, items=[{"username": "bob", "name": "", "expectedVersion": 7}]
    )
    placed = await run(
        bound,
        mutations.UPSERT_ORDERS,
        items=[{"customerId": bob, "reference": "bob-9", "lines": [], "expectedVersion": 7}],
    )
    moved = await run(
        bound,
        mutations.TRANSITION_ORDERS,
        items=[{"id": global_id(order), "to": "REFUNDED", "expectedVersion": 0}],
    )

    assert ["name REQUIRED"] == brief(upserted["results"][0])
    assert ["customerId NOT_FOUND", "lines REQUIRED", "reference TAKEN"] == brief(placed["results"][0])
    assert ["expectedVersion OUT_OF_RANGE", "id NOT_FOUND"] == brief(moved["results"][0])
