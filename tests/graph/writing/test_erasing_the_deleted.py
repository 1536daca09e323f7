"""eraseCustomer of a customer that was deleted before: its history is erased, by the id that it had."""

from functools import partial
from typing import Any

import pytest

from db import customers
from db.audit import erasure
from db.engine.database import Database
from graph.global_ids import GlobalId
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.conftest import on_tidb
from tests.factories import create_customer, create_order, global_id
from tests.graph.writing import mutations
from tests.graph.writing.erasing import ADA, HISTORY, OLD, personal
from tests.graph.writing.mutations import run
from tests.graph.writing.user_errors import not_found
from tests.open_transaction import overtaken
from tests.table_rows import changes_of, keys_of, stored_rows


async def deleted(api: Api) -> str:
    """The id of a customer that was created, changed and deleted, each with a key."""
    sent = {"idempotencyKey": "create"}
    node: str = (await run(api, mutations.CREATE_CUSTOMER, **OLD, **sent))["customer"]["id"]
    await run(api, mutations.UPDATE_CUSTOMER, id=node, **ADA, idempotencyKey="update")
    await run(api, mutations.DELETE_CUSTOMER, id=node, idempotencyKey="delete")
    return node


def erased(node: str) -> dict[str, Any]:
    return {"customer": None, "erasedId": node, "userErrors": []}


async def test_nothing_personal_is_left_of_a_deleted_customer(database: Database, api: Api) -> None:
    """The fact of each change is, with the erasure's own behind them, and nothing is told again."""
    node = await deleted(api)
    assert {"history"} == {table for table, _ in await personal(database)}
    (*_, created) = before = (await api.data(HISTORY, node=node))["history"]["nodes"]

    payload = await run(api, mutations.ERASE_CUSTOMER, id=node)

    assert erased(node) == payload
    assert [] == await personal(database)
    newest, *rest = (await api.data(HISTORY, node=node))["history"]["nodes"]
    assert {"version": 4, "action": "ERASED", "principal": "anonymous", "fields": []} == newest
    for change in before:
        for field in change["fields"]:
            field.update(before=None, after=None)
    assert before == rest
    assert ["username", "name", "email"] == [field["field"] for field in created["fields"]]
    again = (await run(api, mutations.CREATE_CUSTOMER, **OLD, idempotencyKey="create"))["customer"]
    assert ("erased", None, 1) == (again["name"], again["email"], again["version"])


async def test_erasing_a_deleted_customer_twice_changes_nothing(database: Database, api: Api) -> None:
    """Whether the first time was before it was deleted or after; the answer is the same."""
    node = await deleted(api)
    other = global_id(await create_customer(database, name="Augusta King"))
    await run(api, mutations.ERASE_CUSTOMER, id=other)
    await run(api, mutations.DELETE_CUSTOMER, id=other)
    first = [await run(api, mutations.ERASE_CUSTOMER, id=each) for each in (node, other)]
    before = await stored_rows(database)
    second = [await run(api, mutations.ERASE_CUSTOMER, id=each) for each in (node, other)]

    assert [erased(node), erased(other)] == first
    assert first == second
    assert before == await stored_rows(database)
    assert [] == await personal(database)


async def test_a_deleted_customer_has_no_version_to_expect(database: Database, api: Api) -> None:
    """Not even the last one: whoever expects a version expects a customer that is there."""
    node = await deleted(api)
    before = await stored_rows(database)

    for version in (2, 3, 4):
        payload = await run(api, mutations.ERASE_CUSTOMER, id=node, expectedVersion=version)

        assert {"customer": None, "erasedId": None, "userErrors": [not_found(node, "id")]} == payload
    assert before == await stored_rows(database)


async def test_a_deleted_customer_is_erased_dry_and_once(database: Database, api: Api) -> None:
    """A dry run shows what would be and stores nothing; a key makes it happen once."""
    node = await deleted(api)
    before = await stored_rows(database), await keys_of(database)
    rehearsed = await run(api, mutations.ERASE_CUSTOMER, id=node, dryRun=True, idempotencyKey="erase")
    after = await stored_rows(database), await keys_of(database)
    first = await run(api, mutations.ERASE_CUSTOMER, id=node, idempotencyKey="erase")
    done = await stored_rows(database)
    second = await run(api, mutations.ERASE_CUSTOMER, id=node, idempotencyKey="erase")

    assert [erased(node)] * 3 == [rehearsed, first, second]
    assert before == after
    assert before[0] != done
    assert done == await stored_rows(database)


async def test_what_never_was_a_customer_is_not_found(database: Database, api: Api) -> None:
    """An id of nothing, and one that only an order had, whether it is there or was deleted."""
    customer = await create_customer(database)
    orders = [await create_order(database, customer) for _ in range(3)][1:]
    await run(api, mutations.DELETE_ORDER, id=global_id(orders[0]))
    before = await stored_rows(database)

    for row_id in (2**53 - 1, *(order.id for order in orders)):
        node = GlobalId("Customer", row_id).encode()
        payload = await run(api, mutations.ERASE_CUSTOMER, id=node)

        assert {"customer": None, "erasedId": None, "userErrors": [not_found(node, "id")]} == payload
    assert before == await stored_rows(database)


async def test_a_bound_key_erases_its_own_deleted_customer_alone(database: Database) -> None:
    """Another's is like one that never was."""
    ada, bob = [await create_customer(database, **each) for each in (ADA, OLD)]
    secret = await create_key(database, "admin", customer_id=ada.id)
    for customer in (ada, bob):
        await database.write(partial(customers.delete, customer_id=customer.id))
    before = await changes_of(database, bob)

    async with Api.of(database, auth="keys") as api:
        api.client.headers.update(bearer(secret))
        his, hers = [await run(api, mutations.ERASE_CUSTOMER, id=global_id(each)) for each in (bob, ada)]

    assert [not_found(global_id(bob), "id")] == his["userErrors"]
    assert erased(global_id(ada)) == hers
    assert before == await changes_of(database, bob)
    assert ["CREATED", "DELETED", "ERASED"] == [each.action for each in await changes_of(database, ada)]


@on_tidb
@pytest.mark.parametrize("first", ["deletion", "erasure"])
async def test_an_erasure_waits_for_what_came_before(database: Database, api: Api, first: str) -> None:
    """The customer was there, or not erased yet, when the request began; it is erased once."""
    customer = await create_customer(database, **ADA)
    delete = partial(customers.delete, customer_id=customer.id)
    if first == "erasure":
        await database.write(delete)
    work = {"deletion": delete, "erasure": partial(erasure.erase, customer_id=customer.id)}[first]
    node = global_id(customer)

    payload = await overtaken(database, work, lambda: run(api, mutations.ERASE_CUSTOMER, id=node))

    assert erased(node) == payload
    assert [] == await personal(database)
    assert ["CREATED", "DELETED", "ERASED"] == [each.action for each in await changes_of(database, customer)]
