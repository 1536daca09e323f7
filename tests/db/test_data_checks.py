"""`tidegraph check --data`: what drifted is found, words are mended, totals are left."""

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.maintenance import data_checks
from db.maintenance.migrate import Schema, State
from db.models import customer_words, orders
from db.reader import Transaction
from db.search import search_index
from graph.cli import database_commands
from tests.api import Api
from tests.db.raw_sql import run
from tests.factories import create_customer, create_order, line
from tests.processes import Spawn
from tests.shared_tidb import execute
from tests.table_rows import stored_rows


async def test_drifted_words_are_mended(database: Database) -> None:
    """Missing ones, wrong ones and those of others are replaced."""
    stored_rows = [await create_customer(database) for _ in range(3)]
    lost, wrong, kept = stored_rows
    reader = database.reader()

    async def drift(transaction: Transaction) -> None:
        await search_index.delete(transaction, [lost.id])
        row = {"word": "wrong", "customer_id": wrong.id}
        await transaction.execute(customer_words.insert(), [row])

    await database.write(drift)
    first = await data_checks.check_search_index(database)
    second = await data_checks.check_search_index(database)
    found = {tuple(row) for row in await reader.fetch(sa.select(*customer_words.c))}

    assert data_checks.Finding(3, sorted([lost.id, wrong.id])) == first
    assert data_checks.Finding(3, []) == second
    assert {
        (word, each.id) for each in (lost, wrong, kept) for word in search_index.index_words(each)
    } == found


async def test_all_batches_are_checked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a batch has."""
    monkeypatch.setattr(data_checks, "BATCH", 2)
    stored_rows = [await create_customer(database) for _ in range(5)]
    await database.write(
        lambda transaction: search_index.delete(transaction, [each.id for each in stored_rows])
    )

    assert data_checks.Finding(
        5, sorted(each.id for each in stored_rows)
    ) == await data_checks.check_search_index(database)


async def test_wrong_totals_are_found(database: Database) -> None:
    """Only of orders that have lines, by amount and by currency."""
    customer = await create_customer(database)
    await create_order(database, customer, line(), line("TEA-02", quantity=3))
    dearer = await create_order(database, customer, line())
    foreign = await create_order(database, customer, line())
    await create_order(database, customer)

    async def change(transaction: Transaction) -> None:
        changed = orders.update().where(orders.c.id == dearer.id)
        await transaction.execute(changed.values(total=dearer.total + 1))
        await transaction.execute(orders.update().where(orders.c.id == foreign.id).values(currency="USD"))

    await database.write(change)

    assert data_checks.Finding(4, sorted([dearer.id, foreign.id])) == await data_checks.check_order_totals(
        database
    )


async def test_check_says_what_it_found(database_url: str, spawn: Spawn) -> None:
    """Exit code 1 where anything was wrong, 0 when it is run again and nothing is."""
    spawn.run("seed", "--customers", "5", "--orders", "1", database_url=database_url)
    await execute(database_url, "DELETE FROM customer_words WHERE word >= 'com' AND word < 'con'")
    first = spawn.run("check", "--data", database_url=database_url)
    second = spawn.run("check", "--data", database_url=database_url)

    assert 1 == first.returncode
    assert "of 5 customers had outdated search words; repaired" in first.stdout
    assert 0 == second.returncode
    assert [
        "words       ok (5 customers)",
        "counts      ok (5 customers)",
        "totals      ok (5 orders)",
        "orphans     ok (5 customers)",
        "orphans     ok (3 orders)",
        "orphans     ok (5 customers)",
        "history     ok (5 customers with a history)",
        "history     ok (5 orders with a history)",
        "keys        ok (5 customers)",
        "keys        ok (5 orders)",
    ] == second.stdout.splitlines()[-10:]


async def without_foreign_keys(database: Database, *statements: str) -> None:
    """Run statements as a session does that does not check them, such as one that restores a backup."""
    off, on = (
        ("PRAGMA foreign_keys = OFF", "PRAGMA foreign_keys = ON")
        if database.url.is_sqlite
        else ("SET foreign_key_checks = OFF", "SET foreign_key_checks = ON")
    )
    await run(database, off, *statements, on)


async def test_rows_without_their_parent_are_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Orders, lines and words, each by the id that is not there; nothing is changed."""
    monkeypatch.setattr(data_checks, "BATCH", 2)
    gone, ada, *others = [await create_customer(database) for _ in range(5)]
    lost = await create_order(database, gone, line())
    for customer in (gone, ada, *others):
        await create_order(database, customer, line(), line())
    order = await create_order(database, ada, line())
    await without_foreign_keys(
        database,
        f"DELETE FROM customers WHERE id = {gone.id}",
        f"DELETE FROM orders WHERE id = {order.id}",
        f"UPDATE customers SET orders_count = orders_count - 1 WHERE id = {ada.id}",
    )
    before = await stored_rows(database)
    found = [
        await data_checks.check_foreign_key(database, *reference) for reference in data_checks.REFERENCES
    ]
    report = await database_commands.check_data(database, Schema(State.CURRENT))

    assert [
        data_checks.Finding(5, [gone.id]),
        data_checks.Finding(7, [order.id]),
        data_checks.Finding(5, [gone.id]),
    ] == found
    assert not report.ok
    assert f"1 of 5 customers that orders belong to do not exist: id {gone.id}" in report.lines[3]
    assert before == await stored_rows(database)
    assert lost.customer_id == gone.id


async def test_objects_that_differ_from_their_history_are_found(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that were changed or deleted behind the server's back; ordinary changes are no difference."""
    monkeypatch.setattr(data_checks, "BATCH", 2)
    create = 'mutation { createCustomer(input: { username: "%s", name: "X" }) { customer { id } } }'
    order = """mutation ($id: ID!) { createOrder(input: { customerId: $id, reference: "%s",
        total: { amount: "1", currency: "EUR" } }) { order { id } } }"""
    async with Api.of(database) as api:
        ids = [(await api.data(create % name))["createCustomer"]["customer"]["id"] for name in "abcdef"]
        for name, each in zip("abc", ids, strict=False):
            await api.data(order % name, id=each)
        update = 'mutation ($id: ID!) { updateCustomer(input: { id: $id, name: "Y" }) { customer { id } } }'
        await api.data(update, id=ids[3])
        await api.data("mutation ($id: ID!) { deleteCustomer(input: { id: $id }) { deletedId } }", id=ids[4])
        await api.data(
            "mutation ($id: ID!) { eraseCustomer(input: { id: $id }) { customer { id } } }", id=ids[5]
        )
    fine = [await data_checks.check_audit_log(database, kind) for kind in ("Customer", "Order")]
    rows = await run(database, "SELECT id FROM customers WHERE username IN ('a', 'd') ORDER BY username")
    (a,), (d,) = rows
    ((of_a,), (of_b,), (of_c,)) = await run(database, "SELECT id FROM orders ORDER BY reference")
    await without_foreign_keys(
        database,
        f"UPDATE customers SET version = version + 1 WHERE id = {a}",
        f"DELETE FROM customers WHERE id = {d}",
        f"DELETE FROM orders WHERE id = {of_a}",
        f"UPDATE orders SET customer_id = {a} WHERE id = {of_b}",
    )
    found = [await data_checks.check_audit_log(database, kind) for kind in ("Customer", "Order")]

    assert [data_checks.Finding(6, []), data_checks.Finding(3, [])] == fine
    assert [data_checks.Finding(6, sorted([a, d])), data_checks.Finding(3, sorted([of_a, of_b]))] == found
    assert of_c


async def test_a_newer_schema_is_checked_without_repairs(database: Database) -> None:
    """Newer programs may store other words; one that does not fit is not checked, which is no success."""
    ada = await create_customer(database)
    await database.write(lambda transaction: search_index.delete(transaction, [ada.id]))
    before = await stored_rows(database)
    report = await database_commands.check_data(database, Schema(State.AHEAD))
    unfit = await database_commands.check_data(database, Schema(State.INCOMPATIBLE))

    not_repaired = "have outdated search words; not repaired, because the schema is newer"
    assert (False, f"words       1 of 1 customers {not_repaired}") == (report.ok, report.lines[0])
    assert before == await stored_rows(database)
    assert (False, ["data        not checked: the schema does not fit this program"]) == (
        unfit.ok,
        unfit.lines,
    )
