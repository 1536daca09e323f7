"""eraseCustomer: nothing personal is left, the fact of every change is, and others keep what is theirs."""

import math
from functools import partial
from typing import Any

import pytest

from db import customers, domain_errors
from db.audit import audit_log
from db.engine.database import Database
from tests.api import Api
from tests.factories import create_customer, create_order, global_id, line
from tests.graph.writing import mutations
from tests.graph.writing.erasing import ADA, HISTORY, OLD, personal, written_everywhere
from tests.graph.writing.mutations import run, with_current
from tests.shared_tidb import Statements
from tests.table_rows import changes_of, keys_of, stored_rows

SEARCH = '{ customers(search: "augusta", includeArchived: true) { totalCount { value } } }'


async def test_nothing_personal_is_left(database: Database, api: Api) -> None:
    """In a row, a word or a history; what is kept under keys never has any of it."""
    node = await written_everywhere(database, api)
    assert {"customers", "customer_words", "history"} == {table for table, _ in await personal(database)}

    erased = (await run(api, mutations.ERASE_CUSTOMER, id=node, idempotencyKey="erase"))["customer"]

    assert [] == await personal(database)
    assert ("erased", None) == (erased["name"], erased["email"])
    assert erased["archivedAt"]
    assert {"customers": {"totalCount": {"value": 0}}} == await api.data(SEARCH)


async def test_the_fact_of_each_change_stays(database: Database, api: Api) -> None:
    """Which fields, by whom and when; their values are gone on both sides, those of other fields are not."""
    node = (await run(api, mutations.CREATE_CUSTOMER, **OLD))["customer"]["id"]
    await run(api, mutations.UPDATE_CUSTOMER, id=node, name="Ada")
    archived = (await run(api, mutations.ARCHIVE_CUSTOMER, id=node))["customer"]["archivedAt"]
    before = (await api.data(HISTORY, node=node))["history"]["nodes"]

    erased = (await run(api, mutations.ERASE_CUSTOMER, id=node))["customer"]
    newest, *rest = (await api.data(HISTORY, node=node))["history"]["nodes"]

    assert {"version": 4, "action": "ERASED", "principal": "anonymous", "fields": []} == newest
    assert (4, archived) == (erased["version"], erased["archivedAt"])
    gone = {"before": None, "after": None}
    for change in before:
        for field in change["fields"]:
            field.update({} if field["field"] == "archivedAt" else gone)
    assert before == rest


STALE = {"username": ADA["username"], "name": "x", "expectedVersion": 1}
OTHER = {"username": "other", "name": "Other", "email": ADA["email"]}
# What is refused because of the customer as it is before it is erased, and by which codes.
REFUSED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "conflict": (mutations.UPDATE_CUSTOMER, {"name": "x", "expectedVersion": 1}, ["VERSION_CONFLICT"]),
    "taken": (mutations.CREATE_CUSTOMER, OTHER, ["TAKEN"]),
    "batch": (mutations.UPSERT_CUSTOMERS, {"items": [STALE, OTHER]}, ["VERSION_CONFLICT", "TAKEN"]),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_from_before_brings_nothing_back(
    database: Database, api: Api, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The customer is erased between the transaction that refuses and the one that keeps the refusal."""
    node = (await run(api, mutations.CREATE_CUSTOMER, **OLD))["customer"]["id"]
    await run(api, mutations.UPDATE_CUSTOMER, id=node, **ADA)
    mutation, sent, codes = REFUSED[name]
    document = with_current(mutation)
    sent = {**sent, **({"id": node} if name == "conflict" else {}), "idempotencyKey": "refused"}
    write, erased = database.write, []

    async def overtaken(*arguments: Any, **options: Any) -> Any:
        try:
            return await write(*arguments, **options)
        except domain_errors.DomainError:
            erased.append(await run(api, mutations.ERASE_CUSTOMER, id=node))
            raise

    monkeypatch.setattr(database, "write", overtaken)
    first = await run(api, document, **sent)
    monkeypatch.undo()

    assert ["erased"] == [each["customer"]["name"] for each in erased]
    assert 1 == sum(row[1] == "refused" for row in await keys_of(database))
    again = await run(api, document, **sent)
    assert [codes] * 2 == [[error["code"] for error in each["userErrors"]] for each in (first, again)]
    current = [error["current"] for error in again["userErrors"] if "current" in error]
    assert ["erased"] * codes.count("VERSION_CONFLICT") == [each["name"] for each in current]
    assert [] == await personal(database)


async def test_keys_are_not_looked_through(database: Database, api: Api, statements: Statements) -> None:
    """However many are kept: nothing is in them, and an erasure only adds its own."""
    node = await written_everywhere(database, api)
    statements.clear()
    await run(api, mutations.ERASE_CUSTOMER, id=node, idempotencyKey="erase")

    (kept,) = [each for each in statements if "idempotency_keys" in each]
    assert kept.startswith("INSERT INTO idempotency_keys")


async def test_others_keep_what_is_theirs(database: Database, api: Api) -> None:
    """Other customers whole, with what their mutations were answered; the customer's own orders too."""
    grace = {"username": "grace", "name": "Grace", "email": "grace@example.com"}
    other = await run(api, mutations.CREATE_CUSTOMER, **grace, idempotencyKey="grace")
    node = await written_everywhere(database, api)
    sent = {"customerId": node, "total": {"amount": "1", "currency": "EUR"}, "reference": "SO-1"}
    order = await run(api, mutations.CREATE_ORDER, **sent, idempotencyKey="order")
    items = [{**grace, "name": "Grace H."}, {"username": ADA["username"], "name": "Ada!"}]
    batch = {"items": items, "idempotencyKey": "both"}
    both = (await run(api, mutations.UPSERT_CUSTOMERS, **batch))["results"]
    before, keys = await stored_rows(database), await keys_of(database)

    await run(api, mutations.ERASE_CUSTOMER, id=node, idempotencyKey="erase")

    after = await stored_rows(database)
    assert before["orders"] == after["orders"]
    mine = both[1]["customer"]["id"]
    assert node == mine
    for table in ("customers", "customer_words", "history"):
        lost = [row for row in before[table] if row not in after[table]]
        assert lost
        assert not any("grace" in str(row).lower() for row in lost)
    untouched = {"grace", "order"}
    assert [row for row in keys if row[1] in untouched] == [
        row for row in await keys_of(database) if row[1] in untouched
    ]
    assert other == await run(api, mutations.CREATE_CUSTOMER, **grace, idempotencyKey="grace")
    assert order == await run(api, mutations.CREATE_ORDER, **sent, idempotencyKey="order")
    assert both[0] == (await run(api, mutations.UPSERT_CUSTOMERS, **batch))["results"][0]


async def test_who_takes_anothers_address_for_a_name_erases_nothing_of_it(
    database: Database, api: Api
) -> None:
    """What others were refused tells of whom it names, and a name is anybody's to choose."""
    grace = {"username": "grace", "name": "Grace", "email": "grace@example.com"}
    await run(api, mutations.CREATE_CUSTOMER, **grace)
    refused = await run(api, mutations.CREATE_CUSTOMER, **{**grace, "username": "g"}, idempotencyKey="g")
    node = (await run(api, mutations.CREATE_CUSTOMER, **{**ADA, "name": grace["email"]}))["customer"]["id"]
    await run(api, mutations.ERASE_CUSTOMER, id=node)

    assert "grace@example.com" == refused["userErrors"][0]["value"]
    assert refused == await run(
        api, mutations.CREATE_CUSTOMER, **{**grace, "username": "g"}, idempotencyKey="g"
    )


async def test_a_mutation_that_is_sent_again_brings_nothing_back(database: Database, api: Api) -> None:
    """It was carried out, and answers without the values."""
    sent = {**ADA, "idempotencyKey": "create"}
    first = (await run(api, mutations.CREATE_CUSTOMER, **sent))["customer"]
    erased = (await run(api, mutations.ERASE_CUSTOMER, id=first["id"]))["customer"]
    before = await stored_rows(database)

    again = (await run(api, mutations.CREATE_CUSTOMER, **sent))["customer"]

    blank = {name: erased[name] for name in ("username", "name", "email")}
    assert {**first, **blank} == again
    assert before == await stored_rows(database)


async def test_erasing_twice_changes_nothing(database: Database, api: Api) -> None:
    """What was written or restored meanwhile is erased and archived anew."""
    node = (await run(api, mutations.CREATE_CUSTOMER, **ADA))["customer"]["id"]
    first = await run(api, mutations.ERASE_CUSTOMER, id=node)
    before = await stored_rows(database)

    assert first == await run(api, mutations.ERASE_CUSTOMER, id=node)
    assert before == await stored_rows(database)

    await run(api, mutations.RESTORE_CUSTOMER, id=node)
    assert (await run(api, mutations.ERASE_CUSTOMER, id=node))["customer"]["archivedAt"]
    await run(api, mutations.UPDATE_CUSTOMER, id=node, **OLD)
    await run(api, mutations.ERASE_CUSTOMER, id=node)
    assert [] == await personal(database)


async def test_no_handle_stands_in_the_way(database: Database, api: Api) -> None:
    """Somebody has taken the one that an erased customer would get; the customer is erased all the same."""
    customer = await create_customer(database)
    await create_customer(database, username=f"erased-{customer.id}")

    payload = await run(api, mutations.ERASE_CUSTOMER, id=global_id(customer))
    again = await run(api, mutations.ERASE_CUSTOMER, id=global_id(customer))

    assert ("erased", []) == (payload["customer"]["name"], payload["userErrors"])
    assert payload == again


async def test_a_customer_who_looks_erased_is_erased(database: Database, api: Api) -> None:
    """Whoever took such values by itself has others in its history."""
    customer = await create_customer(database, **ADA)
    blank = {"username": f"erased-{customer.id}", "name": "erased", "email": None}
    await run(api, mutations.UPDATE_CUSTOMER, id=global_id(customer), **blank)
    await run(api, mutations.ARCHIVE_CUSTOMER, id=global_id(customer))

    await run(api, mutations.ERASE_CUSTOMER, id=global_id(customer))

    assert "ERASED" == (await changes_of(database, customer))[-1].action
    assert [] == await personal(database)


@pytest.mark.parametrize("changes", [1, 2, 3, 4])
async def test_a_long_history_is_erased_whole(
    database: Database, api: Api, statements: Statements, monkeypatch: pytest.MonkeyPatch, changes: int
) -> None:
    """Longer than what is read of it at once; each page of changes is written by one statement."""
    monkeypatch.setattr(audit_log, "PAGE_SIZE", 2)
    customer = await create_customer(database)
    for number in range(changes):
        await database.write(
            partial(customers.update, customer_id=customer.id, values={"name": f"augusta {number}"})
        )

    statements.clear()
    await run(api, mutations.ERASE_CUSTOMER, id=global_id(customer))

    assert math.ceil((changes + 1) / 2) == sum(each.startswith("UPDATE history") for each in statements)
    assert [] == await personal(database)
    assert changes + 2 == len(await changes_of(database, customer))


async def test_orders_of_an_erased_customer_stay(database: Database, api: Api) -> None:
    """With their lines and histories; they show who placed them, erased."""
    customer = await create_customer(database)
    order = await create_order(database, customer, line("A"))
    before = await changes_of(database, order)

    await run(api, mutations.ERASE_CUSTOMER, id=global_id(customer))

    data = await api.data(
        "query ($id: ID!) { order(by: {id: $id}) { lines { sku } customer { name } } }", id=global_id(order)
    )
    assert {"order": {"lines": [{"sku": "A"}], "customer": {"name": "erased"}}} == data
    assert before == await changes_of(database, order)
