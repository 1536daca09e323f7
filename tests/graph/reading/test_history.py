"""History: every change writes down what it did, as the API shows it; what is no change writes nothing."""

from typing import Any

import pytest

from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.table_rows import changes_of, stored_rows

HISTORY = """
query ($node: ID!) {
  history(node: $node, first: 100) {
    totalCount { value exact }
    nodes { version action at principal requestId fields { field before after } }
  }
}
"""
NEWEST = "query ($id: ID!) { node(id: $id) { ... on Customer { updatedAt } ... on Order { updatedAt } } }"
PLACED = "2026-01-02T03:04:05.000006Z"


async def changes(api: Api, node: str) -> list[Any]:
    """Its history, the oldest first."""
    page = (await api.data(HISTORY, node=node))["history"]
    assert {"value": len(page["nodes"]), "exact": True} == page["totalCount"]
    shown: list[Any] = page["nodes"][::-1]
    return shown


def told(history: list[Any]) -> list[Any]:
    """Version, action, and by field what it was before and after."""
    return [
        (each["version"], each["action"], {f["field"]: (f["before"], f["after"]) for f in each["fields"]})
        for each in history
    ]


def money(amount: str) -> dict[str, str]:
    return {"amount": amount, "currency": "EUR"}


async def test_each_change_of_a_customer_is_written_down(api: Api) -> None:
    """Created, changed, archived, restored and deleted, each with what it changed and no more."""
    ada = {"username": "ada", "name": "Ada", "email": "ada@example.com"}
    node = (await run(api, mutations.CREATE_CUSTOMER, **ada))["customer"]["id"]
    await run(api, mutations.UPDATE_CUSTOMER, id=node, name="Ada L.", email=None, username="ada")
    archived = (await run(api, mutations.ARCHIVE_CUSTOMER, id=node))["customer"]["archivedAt"]
    await run(api, mutations.RESTORE_CUSTOMER, id=node)
    await run(api, mutations.DELETE_CUSTOMER, id=node)

    assert [
        (1, "CREATED", {name: (None, value) for name, value in ada.items()}),
        (2, "UPDATED", {"name": ("Ada", "Ada L."), "email": ("ada@example.com", None)}),
        (3, "UPDATED", {"archivedAt": (None, archived)}),
        (4, "UPDATED", {"archivedAt": (archived, None)}),
        (5, "DELETED", {"username": ("ada", None), "name": ("Ada L.", None)}),
    ] == told(await changes(api, node))


async def test_each_change_of_an_order_is_written_down(database: Database, api: Api) -> None:
    """Lines and total as the API shows them, the customer by its global id."""
    owner = global_id(await create_customer(database))
    one = {"sku": "A", "name": "Pot", "quantity": 2, "unitPrice": money("1.50")}
    shown = {**one, "unitPrice": money("1.5")}
    two = {"sku": "B", "name": "Cup", "quantity": 1, "unitPrice": money("0.0001")}
    order = await run(api, mutations.CREATE_ORDER, customerId=owner, lines=[one], placedAt=PLACED)
    node = order["order"]["id"]
    await run(api, mutations.UPDATE_ORDER, id=node, lines=[two, one], reference="SO-1")
    await run(api, mutations.TRANSITION_ORDER, id=node, to="CANCELLED")
    await run(api, mutations.DELETE_ORDER, id=node)

    created = {"customer": owner, "status": "PENDING", "placedAt": PLACED, "total": money("3")}
    left = {"reference": "SO-1", "status": "CANCELLED", "total": money("3.0001"), "lines": [two, shown]}
    assert [
        (1, "CREATED", {name: (None, value) for name, value in {**created, "lines": [shown]}.items()}),
        (
            2,
            "UPDATED",
            {
                "reference": (None, "SO-1"),
                "total": (money("3"), money("3.0001")),
                "lines": ([shown], [two, shown]),
            },
        ),
        (3, "UPDATED", {"status": ("PENDING", "CANCELLED")}),
        (4, "DELETED", {name: (value, None) for name, value in {**created, **left}.items()}),
    ] == told(await changes(api, node))


async def test_a_change_says_who_when_and_in_which_request(api: Api) -> None:
    """The time is the object's own; mutations of one request share its id, others have another."""
    (one, two), (three,) = [
        [payload["customer"]["id"] for payload in (await api.data(document)).values()]
        for document in (
            'mutation { a: createCustomer(input: {username: "a", name: "A"}) { customer { id } }'
            ' b: createCustomer(input: {username: "b", name: "B"}) { customer { id } } }',
            'mutation { c: createCustomer(input: {username: "c", name: "C"}) { customer { id } } }',
        )
    ]

    found = [(await changes(api, node))[0] for node in (one, two, three)]
    times = [(await api.data(NEWEST, id=node))["node"]["updatedAt"] for node in (one, two, three)]
    assert times == [change["at"] for change in found]
    assert ["anonymous"] * 3 == [change["principal"] for change in found]
    requests = [change["requestId"] for change in found]
    assert requests[0] == requests[1] != requests[2]
    assert all(requests)


async def test_an_operators_change_says_so(database: Database, api: Api) -> None:
    """It came with no request."""
    customer = await create_customer(database)

    (change,) = await changes(api, global_id(customer))

    assert ("system", None) == (change["principal"], change["requestId"])


async def test_what_changes_nothing_is_not_written_down(database: Database, api: Api) -> None:
    """Not once, whichever mutation it is."""
    customer = await create_customer(database, email="ada@example.com")
    order = await create_order(database, customer, line("A"), reference="SO-1")
    sent = {"sku": "A", "name": "Article A", "quantity": 1, "unitPrice": money("12.5000")}
    archived = await create_customer(database)
    await run(api, mutations.ARCHIVE_CUSTOMER, id=global_id(archived))
    before = await stored_rows(database)

    same = {"username": customer.username, "name": customer.name}
    of_order = {"customerId": global_id(customer), "reference": "SO-1", "lines": [sent]}
    payloads = [
        await run(api, mutations.UPDATE_CUSTOMER, id=global_id(customer), **same),
        await run(api, mutations.UPDATE_CUSTOMER, id=global_id(customer)),
        await run(api, mutations.ARCHIVE_CUSTOMER, id=global_id(archived)),
        await run(api, mutations.RESTORE_CUSTOMER, id=global_id(customer)),
        await run(api, mutations.UPDATE_ORDER, id=global_id(order), lines=[sent], reference="SO-1"),
        await run(api, mutations.UPSERT_CUSTOMERS, items=[same]),
        await run(api, mutations.UPSERT_ORDERS, items=[of_order]),
    ]

    assert [[]] * len(payloads) == [payload["userErrors"] for payload in payloads]
    assert before == await stored_rows(database)


async def test_what_is_refused_is_not_written_down(database: Database, api: Api) -> None:
    """Nor what was carried out beside it, in a batch that is all or nothing."""
    customer, other = await create_customer(database), await create_customer(database, username="taken")
    order = await create_order(database, customer)
    ids, of_order = {"id": global_id(customer)}, {"id": global_id(order)}
    before = await stored_rows(database)

    payloads = [
        await run(api, mutations.UPDATE_CUSTOMER, **ids, username="taken", name="New"),
        await run(api, mutations.UPDATE_CUSTOMER, **ids, name="New", expectedVersion=9),
        await run(api, mutations.DELETE_CUSTOMER, **ids),
        await run(api, mutations.TRANSITION_ORDER, **of_order, to="REFUNDED"),
        await run(
            api,
            mutations.TRANSITION_ORDERS,
            items=[{**of_order, "to": "PAID"}, {**of_order, "to": "CANCELLED"}],
        ),
        await run(
            api,
            mutations.UPSERT_CUSTOMERS,
            items=[{"username": "new", "name": "New"}, {"username": "taken", "name": "", "email": "x"}],
        ),
    ]

    assert all(payload["userErrors"] for payload in payloads)
    assert before == await stored_rows(database)
    assert 1 == len(await changes_of(database, other))


@pytest.mark.parametrize("mode", ["ALL_OR_NOTHING", "EACH"])
async def test_items_of_a_batch_are_written_down_one_by_one(database: Database, api: Api, mode: str) -> None:
    """As single mutations would be."""
    kept = await create_customer(database, name="Old")
    items = [{"username": "new", "name": "New"}, {"username": kept.username, "name": "Changed"}]
    customers = await run(api, mutations.UPSERT_CUSTOMERS, items=items, mode=mode)
    new = customers["results"][0]["customer"]["id"]
    item = {"customerId": new, "total": money("1"), "placedAt": PLACED, "reference": "SO-1"}
    (created,) = (await run(api, mutations.CREATE_ORDERS, items=[item], mode=mode))["results"]
    other = {**item, "lines": [{"sku": "A", "name": "A", "quantity": 3, "unitPrice": money("2")}]}
    del other["total"]
    await run(api, mutations.UPSERT_ORDERS, items=[other], mode=mode)
    await run(api, mutations.TRANSITION_ORDERS, items=[{"id": created["order"]["id"], "to": "PAID"}])

    assert [(1, "CREATED", {"username": (None, "new"), "name": (None, "New")})] == told(
        await changes(api, new)
    )
    assert (2, "UPDATED", {"name": ("Old", "Changed")}) == told(await changes(api, global_id(kept)))[1]
    lines = other["lines"]
    first = {"customer": new, "reference": "SO-1", "status": "PENDING", "placedAt": PLACED}
    assert [
        (1, "CREATED", {name: (None, value) for name, value in {**first, "total": money("1")}.items()}),
        (2, "UPDATED", {"total": (money("1"), money("6")), "lines": (None, lines)}),
        (3, "UPDATED", {"status": ("PENDING", "PAID")}),
    ] == told(await changes(api, created["order"]["id"]))
