"""`expectedVersion`: whoever knows another version is told what was changed since; nothing is written."""

from functools import partial
from typing import Any

import pytest

from db import customers, orders
from db.engine.database import Database
from db.models import Customer, Order
from tests.api import Api
from tests.factories import create_customer, create_order, global_id
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.graph.writing.user_errors import invalid
from tests.table_rows import keys_of, stored_rows

# Each mutation of an object, the kind of the object, and what else it is sent.
CHANGES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "updateCustomer": (mutations.UPDATE_CUSTOMER, "Customer", {"name": "New"}),
    "archiveCustomer": (mutations.ARCHIVE_CUSTOMER, "Customer", {}),
    "restoreCustomer": (mutations.RESTORE_CUSTOMER, "Customer", {}),
    "deleteCustomer": (mutations.DELETE_CUSTOMER, "Customer", {}),
    "eraseCustomer": (mutations.ERASE_CUSTOMER, "Customer", {}),
    "updateOrder": (mutations.UPDATE_ORDER, "Order", {"reference": "SO-9"}),
    "transitionOrder": (mutations.TRANSITION_ORDER, "Order", {"to": "PAID"}),
    "deleteOrder": (mutations.DELETE_ORDER, "Order", {}),
}
each_change = pytest.mark.parametrize("name", CHANGES)


async def rename(database: Database, customer: Customer, name: str) -> None:
    await database.write(partial(customers.update, customer_id=customer.id, values={"name": name}))


async def subject(database: Database, kind: str) -> Customer | Order:
    """An object of version 2."""
    customer = await create_customer(database, name="Old")
    if kind == "Customer":
        await rename(database, customer, "Newer")
        return customer
    order = await create_order(database, customer, reference=None)
    await database.write(partial(orders.update, order_id=order.id, values={"reference": "SO-1"}))
    return order


async def send(api: Api, name: str, row: Customer | Order, **more: Any) -> Any:
    mutation, _, sent = CHANGES[name]
    return await run(api, mutation, id=global_id(row), **sent, **more)


@each_change
@pytest.mark.parametrize("expected", [{"expectedVersion": 2}, {"expectedVersion": None}, {}])
async def test_the_version_that_is_there_lets_it_pass(
    database: Database, api: Api, name: str, expected: dict[str, int | None]
) -> None:
    """Left out and null let any pass."""
    row = await subject(database, CHANGES[name][1])

    assert [] == (await send(api, name, row, **expected))["userErrors"]


@each_change
@pytest.mark.parametrize("expected", [1, 3])
async def test_another_version_is_a_conflict(database: Database, api: Api, name: str, expected: int) -> None:
    """It shows the object and what was changed since; one that is yet to come finds nothing changed."""
    row = await subject(database, CHANGES[name][1])
    before = await stored_rows(database)

    payload = await send(api, name, row, expectedVersion=expected)

    (problem,) = payload.pop("userErrors")
    assert {None} == set(payload.values())
    assert ("VersionConflictError", "VERSION_CONFLICT", ["input", "expectedVersion"]) == (
        problem["__typename"],
        problem["code"],
        problem["path"],
    )
    assert {"id": global_id(row), "version": 2} == problem["current"]
    field = {"field": "name", "before": "Old", "after": "Newer"}
    if isinstance(row, Order):
        field = {"field": "reference", "before": None, "after": "SO-1"}  # type: ignore[dict-item]
    since = [(2, "UPDATED", "system", [field])] if expected == 1 else []
    assert since == [
        (change["version"], change["action"], change["principal"], change["fields"])
        for change in problem["changes"]
    ]
    assert before == await stored_rows(database)


@each_change
@pytest.mark.parametrize("expected", [0, -1])
async def test_versions_start_at_one(database: Database, api: Api, name: str, expected: int) -> None:
    """The database is not asked, and the key is not used up."""
    row = await subject(database, CHANGES[name][1])
    before = await stored_rows(database)

    payload = await send(api, name, row, expectedVersion=expected, idempotencyKey="a key")

    assert [invalid("OUT_OF_RANGE", "expectedVersion")] == payload["userErrors"]
    assert before == await stored_rows(database)
    assert [] == await keys_of(database)


async def test_a_conflict_tells_the_oldest_twenty(database: Database, api: Api) -> None:
    """The oldest first: whoever is further behind reads on in the history."""
    customer = await create_customer(database)
    for number in range(25):
        await rename(database, customer, f"Name {number}")

    for expected, told in ((1, range(2, 22)), (5, range(6, 26)), (20, range(21, 27))):
        payload = await send(api, "updateCustomer", customer, expectedVersion=expected)

        (problem,) = payload["userErrors"]
        assert list(told) == [change["version"] for change in problem["changes"]]


async def test_each_item_of_a_batch_is_told_its_own(database: Database, api: Api) -> None:
    """Also beside one that was changed much more often, and whose versions are lower."""
    busy, quiet = await create_customer(database), await create_customer(database)
    for number in range(50):
        await rename(database, busy, f"Name {number}")
    await database.write(lambda transaction: _set_version(transaction, quiet, 90))
    await rename(database, quiet, "Quiet")
    items = [
        {"username": row.username, "name": "New", "expectedVersion": known}
        for row, known in ((busy, 1), (quiet, 90))
    ]

    payload = await run(api, mutations.UPSERT_CUSTOMERS, items=items, mode="EACH")

    told = [result["userErrors"][0]["changes"] for result in payload["results"]]
    assert [list(range(2, 22)), [91]] == [[change["version"] for change in each] for each in told]


async def test_a_conflict_that_is_told_again_is_the_same(database: Database, api: Api) -> None:
    """Its changes are read in the history, those that came later left out; of a batch's items, too."""
    customer = await create_customer(database)
    await rename(database, customer, "A name that no key's row needs")
    one = {"id": global_id(customer), "name": "New", "expectedVersion": 1, "idempotencyKey": "one"}
    items = [{"username": customer.username, "name": "New", "expectedVersion": 1}]
    batch = {"items": items, "idempotencyKey": "batch"}
    first = [
        await run(api, mutations.UPDATE_CUSTOMER, **one),
        await run(api, mutations.UPSERT_CUSTOMERS, **batch),
    ]
    await rename(database, customer, "Later")
    again = [
        await run(api, mutations.UPDATE_CUSTOMER, **one),
        await run(api, mutations.UPSERT_CUSTOMERS, **batch),
    ]

    (problem,) = first[0]["userErrors"]
    assert [2] == [change["version"] for change in problem["changes"]]
    assert first == again
    assert not any('"fields"' in str(row) for row in await keys_of(database))


async def test_a_version_of_nothing_is_not_there(database: Database, api: Api) -> None:
    """Who expects a version does not want to create; and nothing is."""
    owner = await create_customer(database)
    before = await stored_rows(database)
    customer = {"username": "nobody", "name": "Nobody", "expectedVersion": 1}
    total = {"amount": "1", "currency": "EUR"}
    order = {"customerId": global_id(owner), "reference": "SO-1", "total": total, "expectedVersion": 2}
    answers = [
        await run(api, mutations.UPSERT_CUSTOMERS, items=[customer], mode="EACH"),
        await run(api, mutations.UPSERT_ORDERS, items=[order]),
    ]

    for answer in answers:
        assert [invalid("NOT_FOUND", "items", "0", "expectedVersion")] == answer["userErrors"]
    assert before == await stored_rows(database)


async def _set_version(transaction: Any, row: Customer, version: int) -> None:
    table = customers.customers
    await transaction.execute(table.update().where(table.c.id == row.id).values(version=version))


@pytest.mark.parametrize("mode", ["ALL_OR_NOTHING", "EACH"])
async def test_items_of_batches_expect_versions(database: Database, api: Api, mode: str) -> None:
    """A conflict is at its item; the others are stored only in EACH."""
    owner = await create_customer(database)
    rows = [await create_order(database, owner, reference=f"SO-{number}") for number in range(2)]
    items = [
        {"id": global_id(row), "to": "PAID", "expectedVersion": known}
        for row, known in zip(rows, (1, 2), strict=True)
    ]

    moved = (await run(api, mutations.TRANSITION_ORDERS, items=items, mode=mode))["results"]

    assert ["input", "items", "1", "expectedVersion"] == moved[1]["userErrors"][0]["path"]
    assert [{"version": 1}] == [
        {"version": result["userErrors"][0]["current"]["version"]} for result in moved[1:]
    ]
    assert ("UPDATED" if mode == "EACH" else None) == moved[0]["outcome"]


@pytest.mark.parametrize("mutation", ["upsertCustomers", "upsertOrders", "transitionOrders"])
async def test_versions_of_items_start_at_one(database: Database, api: Api, mutation: str) -> None:
    """The place of the item is in the path."""
    order = await create_order(database, await create_customer(database), reference="SO-1")
    total = {"amount": "1", "currency": "EUR"}
    document, item = {
        "upsertCustomers": (mutations.UPSERT_CUSTOMERS, {"username": "a", "name": "A"}),
        "upsertOrders": (
            mutations.UPSERT_ORDERS,
            {"reference": "SO-1", "customerId": "rubbish", "total": total},
        ),
        "transitionOrders": (mutations.TRANSITION_ORDERS, {"id": global_id(order), "to": "PAID"}),
    }[mutation]

    payload = await run(api, document, items=[{**item, "expectedVersion": 0}])

    (result,) = payload["results"]
    assert invalid("OUT_OF_RANGE", "items", "0", "expectedVersion") in result["userErrors"]
