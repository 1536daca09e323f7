"""A retry with the same key may spell its input in another way; another input is KEY_REUSED."""

from datetime import timedelta
from typing import Any

import pytest

from db import domain_errors
from db.audit import changes
from db.engine.database import Database
from db.idempotency import stored_results
from db.models import idempotency_keys as keys
from graph.global_ids import GlobalId
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.table_rows import stored_rows

NFC, NFD = "jos\u00e9", "jose\u0301"
ORDER = GlobalId("Order", 7).encode()
CUSTOMER = GlobalId("Customer", 7).encode()


def euros(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


def a_line(amount: str) -> dict[str, Any]:
    return {"sku": "A", "name": "A", "quantity": 1, "unitPrice": euros(amount)}


TIMES = ["2026-02-28T09:30:00Z", "2026-02-28T10:30:00.000+01:00", "2026-02-27t23:30:00.0-10:00"]
NEW_ORDER = {"customerId": "customer", "reference": "A-1", "total": euros("20")}
NEW_CUSTOMER = {"username": NFC, "name": "José"}
# A mutation, an input of it, and what is put over it: equivalent inputs, and others.
CASES: dict[str, tuple[str, dict[str, Any], list[dict[str, Any]], list[dict[str, Any]]]] = {
    "createCustomer": (
        mutations.CREATE_CUSTOMER,
        {**NEW_CUSTOMER, "email": f"{NFC}@example.com"},
        [{"username": f" {NFD}\u3000"}, {"email": f" {NFD}@example.com "}, {"dryRun": False}],
        [{"username": "jose"}, {"name": "Jose\u0301"}, {"email": "a@example.com"}, {"email": None}],
    ),
    "createCustomer without an address": (
        mutations.CREATE_CUSTOMER,
        NEW_CUSTOMER,
        [{"email": None}],
        [{"email": "a@example.com"}],
    ),
    "updateCustomer": (
        mutations.UPDATE_CUSTOMER,
        {"id": "customer", "username": NFC},
        [{"username": f"{NFD} "}, {"expectedVersion": None}],
        # A field that is null is cleared, one that is left out stays.
        [{"email": None}, {"expectedVersion": 1}, {"id": "other"}],
    ),
    "archiveCustomer": (
        mutations.ARCHIVE_CUSTOMER,
        {"id": "customer"},
        [{"expectedVersion": None}],
        [{"id": "other"}, {"expectedVersion": 1}],
    ),
    "createOrder": (
        mutations.CREATE_ORDER,
        {**NEW_ORDER, "placedAt": TIMES[0]},
        [
            *({"total": euros(amount)} for amount in ("20.0", "20.00", "20.0000")),
            *({"placedAt": moment} for moment in TIMES),
            {"lines": None},
        ],
        [{"total": euros("20.01")}, {"placedAt": None}, {"placedAt": "2026-02-28T09:30:00.000001Z"}],
    ),
    "createOrder without a reference": (
        mutations.CREATE_ORDER,
        {"customerId": "customer", "lines": [a_line("0"), a_line("1.1")]},
        [
            {"lines": [a_line("-0.00"), a_line("1.1000")], "total": None},
            {"reference": None, "placedAt": None},
        ],
        [{"lines": [a_line("1.1"), a_line("0")]}, {"reference": "A-2"}, {"lines": [a_line("0")]}],
    ),
    "updateOrder": (
        mutations.UPDATE_ORDER,
        {"id": "order", "lines": [a_line("2.5")], "placedAt": TIMES[0]},
        [{"lines": a_line("2.50")}, {"placedAt": TIMES[1]}, {"dryRun": False}],
        [{"lines": [a_line("25")]}, {"reference": None}],
    ),
    "transitionOrder": (
        mutations.TRANSITION_ORDER,
        {"id": "order", "to": "PAID"},
        [{"expectedVersion": None}],
        [{"to": "CANCELLED"}],
    ),
    "upsertCustomers": (
        mutations.UPSERT_CUSTOMERS,
        {"items": [NEW_CUSTOMER, {"username": "b", "name": "B"}]},
        [
            {
                "items": [
                    {**NEW_CUSTOMER, "username": NFD, "expectedVersion": None},
                    {"username": "b ", "name": "B"},
                ]
            },
            {"mode": "ALL_OR_NOTHING"},
        ],
        [
            {"mode": "EACH"},
            {"items": [{**NEW_CUSTOMER, "email": None}, {"username": "b", "name": "B"}]},
            {"items": [{"username": "b", "name": "B"}, NEW_CUSTOMER]},
        ],
    ),
    "createOrders with a mistake": (
        mutations.CREATE_ORDERS,
        {"items": [NEW_ORDER, {**NEW_ORDER, "reference": ""}], "mode": "EACH"},
        [{"items": [{**NEW_ORDER, "total": euros("20.00")}, {**NEW_ORDER, "reference": "", "lines": None}]}],
        [{"items": [NEW_ORDER, {**NEW_ORDER, "reference": None}]}],
    ),
    "upsertOrders": (
        mutations.UPSERT_ORDERS,
        {"items": [NEW_ORDER]},
        [{"items": {**NEW_ORDER, "total": euros("20.0"), "placedAt": None}}],
        [{"items": [{**NEW_ORDER, "placedAt": TIMES[0]}]}],
    ),
}


async def shop(database: Database) -> dict[str, str]:
    customer, other = [await create_customer(database) for _ in range(2)]
    order = await create_order(database, customer, line())
    return {"customer": global_id(customer), "other": global_id(other), "order": global_id(order)}


def named(ids: dict[str, str], value: Any) -> Any:
    """The input with ids for their names."""
    match value:
        case dict():
            return {name: named(ids, each) for name, each in value.items()}
        case list():
            return [named(ids, each) for each in value]
    return ids.get(value, value) if isinstance(value, str) else value


def codes(payload: Any) -> list[str]:
    return [error["code"] for error in payload["userErrors"]]


@pytest.mark.parametrize("case", CASES)
async def test_an_equivalent_input_is_the_same(database: Database, api: Api, case: str) -> None:
    """The stored answer comes back, and nothing is written a second time."""
    document, fields, equivalent, different = CASES[case]
    ids = await shop(database)
    sent = {**named(ids, fields), "idempotencyKey": "key"}
    first = await run(api, document, **sent)
    before = await stored_rows(database)
    again = [await run(api, document, **{**sent, **named(ids, each)}) for each in equivalent]
    others = [await run(api, document, **{**sent, **named(ids, each)}) for each in different]

    assert "KEY_REUSED" not in codes(first)
    assert [first] * len(equivalent) == again
    assert [["KEY_REUSED"]] * len(different) == [codes(each) for each in others]
    assert before == await stored_rows(database)


# Hashes that the first version stored: with others, retries across the upgrade would be KEY_REUSED.
LEGACY: dict[str, tuple[str, dict[str, Any]]] = {
    "c98bdd91be41e91aa0b632a7d1465422f694122b022ea25ffced53e7bda523ef": (
        mutations.CREATE_ORDER,
        {
            "customerId": CUSTOMER,
            "reference": " U\u0308 ",
            "lines": [a_line("1.50")],
            "placedAt": "2026-02-28T10:30:00.5+01:00",
        },
    ),
    "880aef1e323789be90fdd2f5107201d1888b16d58cfdda95947114769d6d2981": (
        mutations.UPDATE_CUSTOMER,
        {"id": CUSTOMER, "username": f" {NFD}", "email": None, "expectedVersion": 3},
    ),
    "c0d34c87ed7936292b293bd3f120b3f2ab033f883ea319f425b81d7bfd22f01a": (
        mutations.TRANSITION_ORDERS,
        {"items": [{"id": ORDER, "to": "PAID"}], "mode": "EACH"},
    ),
    "1aeea5bac647c34e6ebea32c7617878b0156081899fb6d2b16cd23263e3f1f38": (
        mutations.UPSERT_CUSTOMERS,
        {"items": [{"username": "a", "name": "A", "email": None}, {"username": "b", "name": "B"}]},
    ),
}


async def write_legacy_row(database: Database, mutation: str, input_hash: str) -> None:
    """A row of the first version, whose stored answer no mutation here would give."""
    now = changes.utc_now()
    row = {
        "principal": "anonymous",
        "idempotency_key": "key",
        "mutation": mutation,
        "input_hash": input_hash,
        "outcome": stored_results.encode(domain_errors.CustomerHasOrders()),
        "created_at": now,
        "expires_at": now + timedelta(hours=1),
    }
    await database.write(lambda transaction: transaction.execute(keys.insert().values(row)))


@pytest.mark.parametrize("input_hash", LEGACY)
async def test_a_retry_across_the_upgrade_matches(database: Database, api: Api, input_hash: str) -> None:
    """The stored answer comes back; with any other input, or an equivalent one, the key is reused."""
    document, fields = LEGACY[input_hash]
    name = document.split("{")[1].split("(")[0].strip()
    await write_legacy_row(database, name, input_hash)
    sent = {**fields, "idempotencyKey": "key"}

    assert ["CUSTOMER_HAS_ORDERS"] == codes(await run(api, document, **sent))
    assert ["CUSTOMER_HAS_ORDERS"] == codes(await run(api, document, **sent, dryRun=True))
    for other in LEGACY.values():
        if other[1] is not fields:
            assert ["KEY_REUSED"] == codes(await run(api, other[0], **other[1], idempotencyKey="key"))
