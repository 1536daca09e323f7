"""Sample data: as much as was asked for, whole, in batches that stay inside TiDB's limits."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from db import errors
from db.audit import audit_log
from db.engine.database import Database
from db.maintenance import seed
from db.maintenance.sample_data import TRANSITION_DAYS, Sample
from db.models import Change, customers, history, order_lines, orders
from db.orders import TRANSITIONS
from db.reader import Transaction
from tests.db.raw_sql import run
from tests.factories import create_customer
from tests.shared_tidb import Statements

TODAY = datetime(2026, 3, 1, tzinfo=UTC)
SINCE = TODAY - timedelta(days=TRANSITION_DAYS)


async def _fill(database: Database, customer_count: int, orders_each: int) -> list[int]:
    """Write them; the rows of each batch, as they were told."""
    batches: list[int] = []
    await seed.fill(
        database,
        Sample(1, TODAY),
        customer_count=customer_count,
        orders_each=orders_each,
        progress=batches.append,
    )
    return batches


async def test_there_is_as_much_as_was_asked_for(database: Database) -> None:
    """So many orders for each customer; every row is told to `progress` once."""
    assert await seed.is_empty(database.reader())
    batches = await _fill(database, 30, 20)
    each = await run(database, "SELECT COUNT(*) FROM orders GROUP BY customer_id")

    assert not await seed.is_empty(database.reader())
    assert [(20,)] * 30 == each
    assert 30 + 600 == sum(batches)


async def test_every_object_has_a_history(database: Database) -> None:
    """It begins with the creation, at its time and with the values that are stored."""
    await _fill(database, 5, 4)
    created = "SELECT kind, COUNT(*) FROM history WHERE action = 'CREATED' AND version = 1 GROUP BY kind"
    joined = (
        "SELECT COUNT(*) FROM history JOIN orders ON orders.id = object_id AND kind = 'Order' "
        "WHERE at = created_at AND history.customer_id = orders.customer_id"
    )

    assert [("Customer", 5), ("Order", 20)] == sorted(await run(database, created))
    assert [(20,)] == await run(database, joined)


async def test_recent_orders_have_a_history_of_transitions(database: Database) -> None:
    """From PENDING to the stored status, each step allowed, and one entry per version."""
    await _fill(database, 20, 20)
    recent = [row for row in await database.reader().fetch(sa.select(*orders.c)) if row.placed_at >= SINCE]
    newest = await database.reader().fetch(sa.select(*history.c).order_by(history.c.version))
    entries = [change for change in newest if change.kind == "Order"]
    assert 400 + sum(row.version - 1 for row in recent) == len(entries)

    assert {"PENDING", "PAID", "FULFILLED", "REFUNDED", "CANCELLED"} == {row.status for row in recent}
    for row in recent:
        changes = [change for change in entries if change.object_id == row.id]
        steps = [audit_log.changed_fields(Change._make(change))["status"] for change in changes]
        assert list(range(1, row.version + 1)) == [change.version for change in changes]
        assert [None, *(after for _, after in steps[:-1])] == [before for before, _ in steps]
        assert ("PENDING", row.status) == (steps[0][1], steps[-1][1])
        assert row.updated_at == changes[-1].at <= TODAY
        assert all(after in TRANSITIONS[before] for before, after in steps[1:])


async def test_the_total_of_an_order_is_the_sum_of_its_lines(database: Database) -> None:
    """In one currency; some orders have no lines."""
    await _fill(database, 10, 10)
    amount = order_lines.c.unit_price * order_lines.c.quantity
    joined = sa.join(orders, order_lines, orders.c.id == order_lines.c.order_id)
    statement = (
        sa.select(orders.c.total, sa.func.sum(sa.type_coerce(amount, orders.c.total.type)))
        .select_from(joined)
        .where(orders.c.currency == order_lines.c.currency)
        .group_by(orders.c.id, orders.c.total)
    )
    rows = await database.reader().fetch(statement)

    assert 50 < len(rows) < 100
    assert [] == [row for row in rows if row[0] != row[1]]
    assert all(isinstance(row[0], Decimal) for row in rows)


async def test_a_batch_is_a_transaction_of_a_few_statements(
    database: Database, statements: Statements, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows it has, so that it stays inside TiDB's limits."""
    monkeypatch.setattr(seed, "TIDB_BATCH", 100)
    monkeypatch.setattr(seed, "SQLITE_BATCH", 100)
    batches = await _fill(database, 50, 8)
    inserted = [statement for statement in statements if statement.startswith("INSERT")]

    assert [50, 100, 100, 100, 100] == batches
    assert 3 + 3 * 4 == len(inserted)


async def test_many_rows_are_inserted_as_one_by_one(database: Database) -> None:
    """Every type is converted as it is elsewhere, nulls too."""
    rows = [(await create_customer(database))._asdict() for _ in range(3)]
    rows[1]["archived_at"] = rows[1]["created_at"]
    await run(database, "DELETE FROM customers")
    without_ids = [{name: row[name] for name in row if name != "id"} for row in rows]
    await database.write(lambda transaction: transaction.insert_many(customers, without_ids))
    statement = sa.select(*customers.c).order_by(customers.c.id)
    stored = [row._asdict() for row in await database.reader().fetch(statement)]

    assert without_ids == [{name: row[name] for name in row if name != "id"} for row in stored]


async def test_many_rows_are_inserted_all_or_none(database: Database) -> None:
    """A duplicate among them is named like any other."""
    row = (await create_customer(database))._asdict()
    del row["id"]

    async def insert(transaction: Transaction) -> None:
        await transaction.insert_many(customers, [row | {"username": "other", "email": None}, row])

    with pytest.raises(errors.DuplicateKey) as duplicate:
        await database.write(insert)

    assert "username" == duplicate.value.column
    assert [(1,)] == await run(database, "SELECT COUNT(*) FROM customers")
