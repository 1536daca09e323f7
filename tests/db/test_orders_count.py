"""`customers.orders_count` is the number of a customer's orders, whoever writes them and however."""

import asyncio
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, orders
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import data_checks, migrate, seed
from db.maintenance.sample_data import Sample
from db.models import Customer
from db.reader import Transaction
from graph.cli import database_commands
from tests.api import Api
from tests.api_key_factory import bearer, create_key
from tests.db.raw_sql import run as run_sql
from tests.factories import create_customer, create_order, global_id
from tests.graph.writing import mutations
from tests.graph.writing.mutations import run
from tests.prepare_database import settings_of
from tests.shared_tidb import Statements
from tests.table_rows import changes_of, rows_of
from tests.two_customers import TwoCustomers

EURO = {"amount": "1", "currency": "EUR"}
COUNTS = "{ customers { nodes { ordersCount } } }"


async def counts(database: Database) -> list[int]:
    """In the order of the customers' IDs; they agree with the orders."""
    assert [] == (await data_checks.check_order_counts(database, repair=False)).wrong
    return [row[-1] for row in await rows_of(database, customers.customers)]


async def count_of(database: Database, row: Customer) -> int:
    await counts(database)
    (found,) = await customers.get_many(database.reader(), "id", [row.id])
    return found.orders_count


async def test_an_order_counts_until_it_is_deleted(database: Database) -> None:
    """The customer's version, time of change and history stay as they are."""
    customer = await create_customer(database)
    first, _second = [await create_order(database, customer) for _ in range(2)]
    after_creation = await customers.get_many(database.reader(), "id", [customer.id])
    await database.write(partial(orders.delete, order_id=first.id))
    after_deletion = await customers.get_many(database.reader(), "id", [customer.id])

    assert [customer._replace(orders_count=2)] == after_creation
    assert [customer._replace(orders_count=1)] == after_deletion
    assert [1] == [change.version for change in await changes_of(database, customer)]


async def test_what_is_not_stored_is_not_counted(database: Database, api: Api) -> None:
    """A taken reference, an archived or missing customer, a dry run, and an order that may not be deleted."""
    customer, archived = [await create_customer(database) for _ in range(2)]
    order = await create_order(database, customer, reference="SO-1")
    await database.write(partial(orders.transition, order_id=order.id, to="PAID"))
    await database.write(partial(customers.archive, customer_id=archived.id))
    sent: dict[str, Any] = {"customerId": global_id(customer), "total": EURO}
    taken = await run(api, mutations.CREATE_ORDER, **sent, reference="SO-1", idempotencyKey="key")
    refused = await run(api, mutations.CREATE_ORDER, **{**sent, "customerId": global_id(archived)})
    rehearsed = await run(api, mutations.CREATE_ORDER, **sent, dryRun=True)
    kept = await run(api, mutations.DELETE_ORDER, id=global_id(order))

    codes = [[error["code"] for error in each["userErrors"]] for each in (taken, refused, kept)]
    assert [["TAKEN"], ["CUSTOMER_ARCHIVED"], ["NOT_DELETABLE"]] == codes
    assert [] == rehearsed["userErrors"]
    assert (1, 0) == (await count_of(database, customer), await count_of(database, archived))


@pytest.mark.parametrize("mode", ["EACH", "ALL_OR_NOTHING"])
@pytest.mark.parametrize("document", [mutations.CREATE_ORDERS, mutations.UPSERT_ORDERS])
async def test_batches_count_what_they_create(database: Database, api: Api, document: str, mode: str) -> None:
    """For several customers, and not what they change or refuse."""
    rows = [await create_customer(database) for _ in range(3)]
    ids = [global_id(row) for row in rows]
    items = [{"customerId": ids[number % 2], "reference": f"{number}", "total": EURO} for number in range(5)]
    refused = {"customerId": ids[2], "reference": "x"}
    await run(api, document, items=items, mode=mode)
    await run(api, document, items=[*items, {**refused, "total": EURO}, refused], mode=mode)

    assert [3, 2, 1 if mode == "EACH" else 0] == [await count_of(database, row) for row in rows]


async def test_a_dry_run_shows_the_count(database: Database, api: Api) -> None:
    """And of a replayed mutation it is today's."""
    customer = await create_customer(database)
    document = mutations.CREATE_ORDER.replace("customer { id }", "customer { ordersCount }")
    sent = {"customerId": global_id(customer), "total": EURO}
    archive = mutations.mutation("archiveCustomer", "customer { ordersCount }")

    rehearsed = await run(api, document, **sent, dryRun=True)
    created = await run(api, document, **sent)
    archived = await run(api, archive, id=global_id(customer), idempotencyKey="key")
    await database.write(partial(customers.restore, customer_id=customer.id))
    await create_order(database, customer)
    again = await run(api, archive, id=global_id(customer), idempotencyKey="key")

    assert [1, 1] == [each["order"]["customer"]["ordersCount"] for each in (rehearsed, created)]
    assert [1, 2] == [each["customer"]["ordersCount"] for each in (archived, again)]


async def test_orders_that_are_created_and_deleted_at_once_are_counted(database: Database) -> None:
    """Of one customer, by sixteen writers."""
    customer = await create_customer(database)

    async def write(number: int) -> None:
        order = await create_order(database, customer, reference=f"{number}")
        if number % 3 == 0:
            await database.write(partial(orders.delete, order_id=order.id))

    await asyncio.gather(*map(write, range(16)))

    assert 10 == await count_of(database, customer)


async def test_sample_data_is_counted(database: Database) -> None:
    await seed.fill(database, Sample(1), customer_count=3, orders_each=4, progress=lambda _rows: None)

    assert [4, 4, 4] == await counts(database)


async def test_the_check_repairs_wrong_counts(database: Database) -> None:
    """It reports how many there were."""
    rows = [await create_customer(database) for _ in range(3)]
    for row in rows:
        await create_order(database, row)
    await run_sql(database, f"UPDATE customers SET orders_count = 7 WHERE id <> {rows[1].id}")
    found = await database_commands.check(settings_of(str(database.url)), data=True)
    again = await database_commands.check(settings_of(str(database.url)), data=True)

    assert ["counts      2 of 3 customers had a wrong ordersCount; repaired"] == _counts(found.lines)
    assert ["counts      ok (3 customers)"] == _counts(again.lines)
    assert [1, 1, 1] == await counts(database)


def _counts(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("counts")]


async def test_a_repair_counts_what_was_committed_after_it_began(database: Database) -> None:
    """On TiDB a transaction reads as of its start, unless the statement writes."""
    customer = await create_customer(database)
    if database.url.is_sqlite:
        pytest.skip("SQLite has one writer")

    async def repair(transaction: Transaction) -> None:
        await transaction.fetch(sa.select(customers.customers.c.id))
        await create_order(database, customer)
        await data_checks.count_orders([customer.id], transaction)

    await database.write(repair)

    assert 1 == await count_of(database, customer)


async def test_a_migration_counts_existing_orders(new_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Earlier programs may not use the schema then; a downgrade lets them."""
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    minimum = "SELECT minimum_revision FROM schema_info"
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        rows = [await create_customer(database) for _ in range(3)]
        for row in [*rows[:2], rows[0]]:
            await create_order(database, row)
        await migrate.downgrade(database, "0013")
        downgraded = await run_sql(database, minimum)
        await migrate.upgrade(database)
        upgraded = await run_sql(database, minimum)

        assert [2, 1, 0] == [await count_of(database, row) for row in rows]
    assert [["0010"], ["0014"]] == [[row[0] for row in each] for each in (downgraded, upgraded)]
    assert ([] if database.url.is_sqlite else [migrate.SECONDS_TO_NOTICE]) == slept


async def test_the_count_needs_the_scope_of_orders(database: Database) -> None:
    """A key that is bound to a customer sees that customer's count alone."""
    two = await TwoCustomers.of(database)
    async with Api.of(database, auth="keys") as api:
        found = []
        for name, scopes, bound in (
            ("reader", ("customers:read",), None),
            ("bound", ("customers:read", "orders:read"), two.ada.id),
        ):
            secret = await create_key(database, *scopes, name=name, customer_id=bound)
            api.client.headers.update(bearer(secret))
            found.append(await api.send(COUNTS))
    refused, own = found

    assert "Customer.ordersCount requires the scope orders:read." == refused["errors"][0]["message"]
    assert {"customers": {"nodes": [{"ordersCount": 2}]}} == own["data"]


async def test_nested_pages_and_counts_take_no_count_query(
    database: Database, api: Api, statements: Statements
) -> None:
    """Without a filter; a filtered count is a statement of its own."""
    rows = [await create_customer(database) for _ in range(3)]
    await create_order(database, rows[0])
    query = "{ customers { nodes { orders(first: 0 WHERE) { totalCount(limit: 1) { value exact } } } } }"
    statements.clear()
    unfiltered = await api.data(query.replace("WHERE", ""))
    after_unfiltered = len(statements)
    filtered = await api.data(query.replace("WHERE", ", where: {status: {eq: PENDING}}"))
    after_filtered = len(statements)
    await create_order(database, rows[0])
    capped = await api.data(query.replace("WHERE", ", where: {}"))

    assert [1, 3] == [after_unfiltered, after_filtered]
    assert unfiltered == filtered
    found = [each["orders"]["totalCount"] for each in capped["customers"]["nodes"]]
    assert [{"value": 1, "exact": False}] == [each for each in found if each["value"]]
