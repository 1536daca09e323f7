"""`tidegraph check --data`: what drifted is found, words are mended, totals are left."""

import pytest
import sqlalchemy as sa

from db import checks, words
from db.database import Database
from db.models import customer_words, orders
from db.reader import Transaction
from tests.factories import create_customer, create_order, line
from tests.processes import Spawn
from tests.session import execute


async def test_drifted_words_are_mended(database: Database) -> None:
    """Missing ones, wrong ones and those of others are replaced."""
    stored = [await create_customer(database) for _ in range(3)]
    lost, wrong, kept = stored
    reader = database.reader()

    async def drift(transaction: Transaction) -> None:
        await words.delete(transaction, [lost.id])
        row = {"word": "wrong", "customer_id": wrong.id}
        await transaction.execute(customer_words.insert(), [row])

    await database.write(drift)
    first = await checks.mend_words(database)
    second = await checks.mend_words(database)
    found = {tuple(row) for row in await reader.fetch(sa.select(*customer_words.c))}

    assert checks.Finding(3, sorted([lost.id, wrong.id])) == first
    assert checks.Finding(3, []) == second
    assert {(word, each.id) for each in (lost, wrong, kept) for word in words.of(each)} == found


async def test_all_batches_are_checked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """More rows than a batch has."""
    monkeypatch.setattr(checks, "BATCH", 2)
    stored = [await create_customer(database) for _ in range(5)]
    await database.write(lambda transaction: words.delete(transaction, [each.id for each in stored]))

    assert checks.Finding(5, sorted(each.id for each in stored)) == await checks.mend_words(database)


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

    assert checks.Finding(4, sorted([dearer.id, foreign.id])) == await checks.wrong_totals(database)


async def test_check_says_what_it_found(database_url: str, spawn: Spawn) -> None:
    """Exit code 1 where anything was wrong, 0 when it is run again and nothing is."""
    spawn.run("seed", "--customers", "5", "--orders", "1", database_url=database_url)
    await execute(database_url, "DELETE FROM customer_words WHERE word >= 'com' AND word < 'con'")
    first = spawn.run("check", "--data", database_url=database_url)
    second = spawn.run("check", "--data", database_url=database_url)

    assert 1 == first.returncode
    assert "of 5 customers were not found by their words; they are now" in first.stdout
    assert 0 == second.returncode
    assert ["words       ok (5 customers)", "totals      ok (5 orders)"] == second.stdout.splitlines()[-2:]
