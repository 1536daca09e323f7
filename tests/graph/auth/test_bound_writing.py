"""A key bound to a customer: what it may not see it cannot change, nor tell from what is not there."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from db.engine.database import Database
from graph import schema
from graph.global_ids import MAX_ROW_ID, GlobalId
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.table_rows import keys_of, stored_rows
from tests.two_customers import TwoCustomers

SCHEMA = schema.build()._schema
TOTAL = {"amount": "1", "currency": "EUR"}
CUSTOMER, ORDER = "<customer>", "<order>"
NEW = {"customerId": CUSTOMER, "total": TOTAL}
MOVE = {"id": ORDER, "to": "PAID"}
# Every mutation, of another's object; a new one is to be added here.
INPUTS: dict[str, tuple[str, dict[str, Any]]] = {
    "updateCustomer": (mutations.UPDATE_CUSTOMER, {"id": CUSTOMER, "name": "x"}),
    "archiveCustomer": (mutations.ARCHIVE_CUSTOMER, {"id": CUSTOMER}),
    "restoreCustomer": (mutations.RESTORE_CUSTOMER, {"id": CUSTOMER}),
    "deleteCustomer": (mutations.DELETE_CUSTOMER, {"id": CUSTOMER}),
    "eraseCustomer": (mutations.ERASE_CUSTOMER, {"id": CUSTOMER, "expectedVersion": 7}),
    "createOrder": (mutations.CREATE_ORDER, NEW),
    "updateOrder": (mutations.UPDATE_ORDER, {"id": ORDER, "total": TOTAL, "expectedVersion": 7}),
    "transitionOrder": (mutations.TRANSITION_ORDER, MOVE),
    "deleteOrder": (mutations.DELETE_ORDER, {"id": ORDER}),
    "createOrders": (mutations.CREATE_ORDERS, {"items": [{**NEW, "reference": "new"}]}),
    "upsertOrders": (mutations.UPSERT_ORDERS, {"items": [{**NEW, "reference": "new"}], "mode": "EACH"}),
    "transitionOrders": (mutations.TRANSITION_ORDERS, {"items": [MOVE], "mode": "EACH"}),
}
CREATING: dict[str, tuple[str, list[dict[str, Any]]]] = {
    "createCustomer": (
        mutations.CREATE_CUSTOMER,
        [{"username": name, "name": "x"} for name in ("eve", "bob", "ada")],
    ),
    "upsertCustomers": (
        mutations.UPSERT_CUSTOMERS,
        [
            {"items": [{"username": "ada", "name": "x"}, {"username": name, "name": "x"}], "mode": "EACH"}
            for name in ("eve", "bob")
        ],
    ),
}


@pytest.fixture
async def bound(two: TwoCustomers, database: Database) -> AsyncIterator[Api]:
    """Asks with all scopes, and a key that is bound to Ada."""
    secret = await create_key(database, "admin", customer_id=two.ada.id)
    async with Api.of(database, auth="keys") as api:
        api.client.headers.update(bearer(secret))
        yield api


def placed(input: Any, customer: str, order: str) -> Any:
    """The input with these ids in the places of ids."""
    return json.loads(json.dumps(input).replace(CUSTOMER, customer).replace(ORDER, order))


@pytest.mark.parametrize("name", INPUTS)
async def test_anothers_object_is_like_one_that_is_not_there(
    two: TwoCustomers, bound: Api, database: Database, name: str
) -> None:
    """For real, rehearsed, and with a key; nothing is changed."""
    assert SCHEMA.mutation_type
    assert {*INPUTS, *CREATING} == set(SCHEMA.mutation_type.fields)
    document, asked = INPUTS[name]
    nothing = [GlobalId(kind, MAX_ROW_ID).encode() for kind in ("Customer", "Order")]
    theirs = [global_id(two.bob), global_id(two.bobs[0])]
    before = await stored_rows(database)
    for more in ({}, {"dryRun": True}, {"idempotencyKey": "one"}):
        ids = [placed({**asked, **more}, *each) for each in (theirs, nothing)]
        if "idempotencyKey" in more:
            ids[1]["idempotencyKey"] = "two"
        his, none = [json.dumps(await bound.data(document, input=each)) for each in ids]

        assert "NOT_FOUND" in none
        assert none == his.replace(theirs[0], nothing[0]).replace(theirs[1], nothing[1])
        assert before == await stored_rows(database)


@pytest.mark.parametrize("name", CREATING)
async def test_a_bound_key_makes_no_customer(
    two: TwoCustomers, bound: Api, database: Database, name: str
) -> None:
    """Nor learns by it who is there already; what comes with it is not stored either."""
    document, inputs = CREATING[name]
    before, keys = await stored_rows(database), await keys_of(database)
    answers = [await bound.send(document, input={**each, "idempotencyKey": "k"}) for each in inputs]

    for answer in answers:
        (error,) = answer["errors"]
        assert {"code": "FORBIDDEN"} == error["extensions"]
        assert (
            "Your key or token is restricted to one customer and cannot create others. Nothing was written."
            == error["message"]
        )
    assert before == await stored_rows(database)
    assert keys == await keys_of(database)


async def test_its_own_customer_is_changed_as_ever(two: TwoCustomers, bound: Api) -> None:
    """One by one and in batches, and with what is there read back."""
    ada = global_id(two.ada)
    renamed = await mutations.run(
        bound, mutations.UPDATE_CUSTOMER, id=ada, name="Ada L", email="a@example.com"
    )
    upserted = await mutations.run(
        bound, mutations.UPSERT_CUSTOMERS, items=[{"username": "ada", "name": "Countess"}]
    )
    created = await mutations.run(bound, mutations.CREATE_ORDER, customerId=ada, total=TOTAL, reference="a")
    items = [{"customerId": ada, "total": TOTAL, "reference": each} for each in ("a", "b")]
    orders = await mutations.run(bound, mutations.UPSERT_ORDERS, items=items)
    paid = await mutations.run(bound, mutations.TRANSITION_ORDER, id=created["order"]["id"], to="PAID")
    rehearsed = await mutations.run(
        bound, mutations.DELETE_ORDER, id=orders["results"][1]["order"]["id"], dryRun=True
    )

    assert ("Ada L", []) == (renamed["customer"]["name"], renamed["userErrors"])
    assert "Countess" == upserted["results"][0]["customer"]["name"]
    assert ["UNCHANGED", "CREATED"] == [each["outcome"] for each in orders["results"]]
    assert ("PAID", []) == (paid["order"]["status"], paid["userErrors"])
    assert orders["results"][1]["order"]["id"] == rehearsed["deletedId"]


@pytest.mark.parametrize("change", ["renamed", "deleted"])
async def test_a_batch_is_told_again_when_its_handle_is_no_longer_its_own(
    two: TwoCustomers, bound: Api, database: Database, change: str
) -> None:
    """Whoever has the handle by now; in a dry run too, and nothing is stored."""
    sent = {"items": [{"username": "ada", "name": "Countess"}], "idempotencyKey": "k"}
    ada = global_id(two.ada)
    first = await mutations.run(bound, mutations.UPSERT_CUSTOMERS, **sent)
    if change == "renamed":
        await mutations.run(bound, mutations.UPDATE_CUSTOMER, id=ada, username="ada l")
    else:
        for order in two.adas:
            await mutations.run(bound, mutations.DELETE_ORDER, id=global_id(order))
        await mutations.run(bound, mutations.DELETE_CUSTOMER, id=ada)
    await create_customer(database, username="ada")
    before = await stored_rows(database)
    again = [
        await mutations.run(bound, mutations.UPSERT_CUSTOMERS, **sent, **more)
        for more in ({}, {"dryRun": True})
    ]

    assert "UPDATED" == first["results"][0]["outcome"]
    assert [first, first] == again
    assert before == await stored_rows(database)
    assert "FORBIDDEN" == await bound.code(mutations.UPSERT_CUSTOMERS, input={**sent, "idempotencyKey": "l"})


async def test_what_is_unique_is_so_among_all(two: TwoCustomers, bound: Api, database: Database) -> None:
    """That much is told: the value is taken, and not whose it is."""
    ada = global_id(two.ada)
    before = await stored_rows(database)
    taken = [
        await mutations.run(bound, mutations.UPDATE_CUSTOMER, id=ada, username="bob"),
        await mutations.run(bound, mutations.UPDATE_CUSTOMER, id=ada, email="bob@example.com"),
        await mutations.run(bound, mutations.CREATE_ORDER, customerId=ada, total=TOTAL, reference="bob-1"),
        await mutations.run(bound, mutations.UPDATE_ORDER, id=global_id(two.adas[0]), reference="bob-1"),
    ]
    item = {"customerId": ada, "total": TOTAL, "reference": "bob-1"}
    for batch in (mutations.CREATE_ORDERS, mutations.UPSERT_ORDERS):
        taken += (await mutations.run(bound, batch, items=[item]))["results"]
    change = {"items": [{"username": "ada", "name": "x", "email": "bob@example.com"}]}
    taken += (await mutations.run(bound, mutations.UPSERT_CUSTOMERS, **change))["results"]

    assert [["TAKEN"]] * 7 == [[error["code"] for error in each["userErrors"]] for each in taken]
    assert before == await stored_rows(database)


async def test_a_receipt_counts_no_rows_of_others(two: TwoCustomers, bound: Api, database: Database) -> None:
    """Those that are looked at for what is unique tell neither who is there nor how large an order is."""
    await create_order(database, two.bob, *[line(sku) for sku in "abc"], reference="bob-3")
    async with Api.of(database) as free:
        taken = {"id": global_id(two.bob), "username": "ada", "idempotencyKey": "k"}
        assert (await mutations.run(free, mutations.UPDATE_CUSTOMER, **taken))["userErrors"]

    async def rows(document: str, **input: Any) -> int:
        body = {"query": document, "variables": {"input": {**input, "dryRun": True}}}
        answer = await bound.client.post("/graphql", json=body, headers={"tidegraph-receipt": "1"})
        found: int = answer.json()["extensions"]["receipt"]["rows"]
        return found

    order = {"customerId": global_id(two.ada), "total": TOTAL}
    references = [{**order, "reference": each} for each in ("bob-2", "bob-3")]
    batches = (mutations.CREATE_ORDERS, mutations.UPSERT_ORDERS)
    customers = [{"username": each, "name": "x"} for each in ("bob", "nobody")]

    # Her row, which is locked for the new order.
    assert [1] * 4 == [await rows(batch, items=[each]) for batch in batches for each in references]
    assert [0] * 2 == [await rows(mutations.UPSERT_CUSTOMERS, items=[each]) for each in customers]
    # Her row, and the one change of it, which is looked at and then erased.
    assert 3 == await rows(mutations.ERASE_CUSTOMER, id=global_id(two.ada))


async def test_a_key_whose_customer_is_gone_sees_its_history_alone(two: TwoCustomers, bound: Api) -> None:
    """And no one else's data for that, nor one's who takes the handle."""
    query = "{ customers(includeArchived: true) { nodes { id } } orders { totalCount { value } } }"
    for order in two.adas:
        assert (await mutations.run(bound, mutations.DELETE_ORDER, id=global_id(order)))["deletedId"]
    assert (await mutations.run(bound, mutations.DELETE_CUSTOMER, id=global_id(two.ada)))["deletedId"]

    await create_customer(two.database, username="ada", email="ada@example.com")
    history = f'{{ history(node: "{global_id(two.ada)}") {{ nodes {{ action }} }} }}'

    assert {"customers": {"nodes": []}, "orders": {"totalCount": {"value": 0}}} == await bound.data(query)
    assert [{"action": "DELETED"}, {"action": "CREATED"}] == (await bound.data(history))["history"]["nodes"]
