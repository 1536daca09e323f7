"""What is personal is not kept under keys; an answer that is told again has it all the same, as it was."""

from typing import Any

import pytest

from db import models
from db.audit import audit_log
from db.engine.database import Database
from graph.global_ids import row_id
from tests.api import Api
from tests.graph.execution.test_batching import table_of
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run, with_current
from tests.shared_tidb import Statements

UPDATE, UPSERT = map(with_current, (mutations.UPDATE_CUSTOMER, mutations.UPSERT_CUSTOMERS))
ADA = {"username": "ada", "name": "Ada", "email": "ada@example.com"}
GRACE = {"username": "grace", "name": "Grace", "email": "grace@example.com"}


async def everything(api: Api, node: str) -> list[Any]:
    """An answer of each kind that shows a customer, each under a key of its own."""
    stale = {"username": "ada", "name": "Ada", "expectedVersion": 1}
    batches: list[list[dict[str, Any]]] = [
        [{"username": "ada", "name": "Ada"}, GRACE],
        # The customer as it was and as it is made, in one answer.
        [stale, {"username": "ada", "name": "Countess", "email": None}, {**GRACE, "username": "g"}],
    ]
    return [
        await run(api, mutations.CREATE_CUSTOMER, **ADA, idempotencyKey="create"),
        await run(api, mutations.UPDATE_CUSTOMER, id=node, name="Ada", idempotencyKey="update"),
        await run(api, UPDATE, id=node, name="x", expectedVersion=90, idempotencyKey="conflict"),
        *[
            await run(api, UPSERT, items=items, mode="EACH", idempotencyKey=f"{number}")
            for number, items in enumerate(batches)
        ],
    ]


@pytest.mark.parametrize("page", [1, 2, 1000])
async def test_a_customer_is_told_as_it_was(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """After it was renamed, lost its address and got another one, and after it was deleted."""
    monkeypatch.setattr(audit_log, "PAGE_SIZE", page)
    node = (await run(api, mutations.CREATE_CUSTOMER, **ADA, idempotencyKey="create"))["customer"]["id"]
    await run(api, mutations.UPDATE_CUSTOMER, id=node, name="Ada B", email=None)
    await run(api, mutations.UPDATE_CUSTOMER, id=node, name="Ada C", email="c@example.com")
    first = await everything(api, node)
    for change in ({"username": "eve"}, {"email": "eve@example.com"}, {"name": "Eve", "email": None}):
        await run(api, mutations.UPDATE_CUSTOMER, id=node, **change)
    changed = await everything(api, node)
    await run(api, mutations.DELETE_CUSTOMER, id=node)
    deleted = await everything(api, node)

    assert first == changed
    assert first == deleted
    assert [("Ada", "ada@example.com"), ("Ada", "c@example.com")] == [
        (each["customer"]["name"], each["customer"]["email"]) for each in first[:2]
    ]
    codes = [[error["code"] for error in each["userErrors"]] for each in first[2:]]
    assert [["VERSION_CONFLICT"], [], ["VERSION_CONFLICT", "TAKEN"]] == codes
    for conflict in (first[2]["userErrors"][0], first[4]["userErrors"][0]):
        assert ("Ada", "c@example.com") == (conflict["current"]["name"], conflict["current"]["email"])


async def test_of_a_customer_without_a_trace_nothing_is_told(database: Database, api: Api) -> None:
    """Its row and history were deleted by hand: it is told as one that is erased."""
    sent = {**ADA, "idempotencyKey": "create"}
    first = (await run(api, mutations.CREATE_CUSTOMER, **sent))["customer"]
    for table in (models.customer_words, models.history, models.customers):
        await database.write(lambda transaction, table=table: transaction.execute(table.delete()))

    again = (await run(api, mutations.CREATE_CUSTOMER, **sent))["customer"]

    handle = f"erased-{row_id('Customer', first['id'])}"
    assert {**first, "username": handle, "name": "erased", "email": None} == again


async def test_an_order_that_outlives_its_customer_is_told_by_a_code(database: Database, api: Api) -> None:
    """Both were deleted; the order comes back by itself, and its customer cannot."""
    node = (await run(api, mutations.CREATE_CUSTOMER, **ADA))["customer"]["id"]
    total = {"amount": "1", "currency": "EUR"}
    sent = {"customerId": node, "total": total, "idempotencyKey": "order"}
    first = await run(api, mutations.CREATE_ORDER, **sent)
    await run(api, mutations.DELETE_ORDER, id=first["order"]["id"])
    await run(api, mutations.DELETE_CUSTOMER, id=node)
    deep = mutations.CREATE_ORDER.replace("customer { id }", "customer { name }")

    assert first == await run(api, mutations.CREATE_ORDER, **sent)
    answer = await api.send(deep, input=sent)
    assert {"createOrder": {"order": None, "userErrors": []}} == answer["data"]
    (error,) = answer["errors"]
    assert ["createOrder", "order", "customer"] == error["path"]
    assert "The order and its customer were deleted." == error["message"]
    assert {"code": "NOT_FOUND"} == error["extensions"]


@pytest.mark.parametrize("count", [1, 100])
async def test_telling_again_is_two_statements_more(api: Api, statements: Statements, count: int) -> None:
    """For one customer as for a hundred: its row and its history; one if none was changed since."""
    items = [{"username": f"user-{number}", "name": "First"} for number in range(count)]
    sent = {"items": items, "idempotencyKey": "key"}

    async def told() -> tuple[Any, list[str]]:
        statements.clear()
        payload = await run(api, mutations.UPSERT_CUSTOMERS, **sent)
        place = [each.startswith("INSERT INTO idempotency_keys") for each in statements].index(True)
        return payload, [table_of(each) for each in statements[place + 1 :]]

    first = await told()
    same = await told()
    await run(api, mutations.UPSERT_CUSTOMERS, items=[{**item, "name": "Second"} for item in items])
    changed = await told()

    assert (first[0], []) == first
    assert (first[0], ["idempotency_keys", "customers"]) == same
    assert (first[0], ["idempotency_keys", "customers", "history"]) == changed
