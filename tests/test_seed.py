"""Sample data: the same for the same value and day, like a shop's, with progress."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate, seed
from db.maintenance.sample_data import Sample
from db.models import customers, order_lines, orders
from db.orders import TRANSITIONS
from graph.progress_bar import progress
from tests.api import Api
from tests.processes import COMMAND, Spawn, environment
from tests.terminal import Terminal

TODAY = datetime(2026, 3, 1, tzinfo=UTC)
SHOW_CURSOR = "\x1b[?25h"


async def fill(database: Database, seed_value: int = 1) -> None:
    """Twenty customers, fifty orders for each."""
    sample = Sample(seed_value, TODAY)
    await seed.fill(database, sample, customer_count=20, orders_each=50, progress=lambda _count: None)


async def contents(database: Database) -> list[list[tuple[Any, ...]]]:
    """All rows of all tables, without the keys that the database gave out."""
    by_username = sa.select(*customers.c).order_by(customers.c.username)
    by_reference = (
        sa.select(customers.c.username, *orders.c)
        .join_from(orders, customers, orders.c.customer_id == customers.c.id)
        .order_by(orders.c.reference)
    )
    by_position = (
        sa.select(orders.c.reference, *order_lines.c)
        .join_from(order_lines, orders, order_lines.c.order_id == orders.c.id)
        .order_by(orders.c.reference, order_lines.c.position)
    )
    keys = {"id", "customer_id", "order_id"}
    found = []
    for statement in (by_username, by_reference, by_position):
        rows = await database.reader().fetch(statement)
        found.append([tuple(v for k, v in row._mapping.items() if k not in keys) for row in rows])
    return found


@pytest.fixture
async def other(tmp_path: Path) -> Any:
    """A second database to compare with, always of SQLite."""
    async with Database(DatabaseUrl.parse(f"sqlite:///{tmp_path / 'other.db'}")) as other:
        await migrate.upgrade(other)
        yield other


async def test_the_same_value_gives_the_same_data(database: Database, other: Database) -> None:
    """On either database, so that what is written in a README holds everywhere."""
    await fill(database, 7)
    await fill(other, 7)
    found = await contents(database)

    assert [20, 1000] == [len(rows) for rows in found[:2]]
    assert await contents(other) == found


async def test_another_value_gives_other_data(database: Database, other: Database) -> None:
    """Names, orders and prices alike."""
    await fill(database, 7)
    await fill(other, 8)
    people, placed, lines = await contents(database)
    other_people, other_placed, other_lines = await contents(other)

    assert set() == set(people) & set(other_people)
    assert set() == set(placed) & set(other_placed)
    assert lines != other_lines


async def rows_of(database: Database, table: sa.Table) -> list[Any]:
    return list(await database.reader().fetch(sa.select(*table.c).order_by(*table.primary_key)))


async def test_data_look_like_a_shops(database: Database) -> None:
    """Orders add up, are in the past, follow their customer, and are in every status."""
    await fill(database)
    owners = {row.id: row for row in await rows_of(database, customers)}
    placed = await rows_of(database, orders)
    lines = {
        key: list(group)
        for key, group in groupby(await rows_of(database, order_lines), lambda line: line.order_id)
    }

    assert set(TRANSITIONS) == {order.status for order in placed}
    assert {1} == {owner.version for owner in owners.values()}
    assert all(owners[order.customer_id].created_at <= order.placed_at <= TODAY for order in placed)
    assert 20 == len({(order.customer_id, order.currency) for order in placed})
    assert 0.5 < len(lines) / len(placed) < 0.9
    for order in placed:
        if order.id in lines:
            total = sum((line.unit_price * line.quantity for line in lines[order.id]), Decimal(0))
            assert order.total == total
            assert {order.currency} == {line.currency for line in lines[order.id]}


async def test_data_can_be_read(database: Database, api: Api) -> None:
    """Nothing in them breaks a rule that the API holds to."""
    await fill(database)
    fields = "nodes { username email orders(first: 50) { nodes { status total { amount } lines { sku } } } }"
    found = (await api.data(f"{{ customers(first: 20) {{ {fields} }} }}"))["customers"]["nodes"]

    assert [50] * 20 == [len(customer["orders"]["nodes"]) for customer in found]


def test_progress_is_ten_lines_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """However many batches there are; the last line has them all."""
    with progress(1_234) as advance:
        for _ in range(1_234):
            advance(1)
    lines = capsys.readouterr().out.splitlines()

    assert 10 == len(lines)
    assert ("124 of 1,234 rows", "1,234 of 1,234 rows") == (lines[0], lines[-1])


def test_progress_of_nothing_is_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """No customers are no reason to divide by them."""
    with progress(0):
        pass

    assert "" == capsys.readouterr().out


def test_ctrl_c_ends_a_seed(spawn: Spawn) -> None:
    """A bar shows how far it is; what an interruption leaves behind is whole batches, and a cursor."""
    spawn.run("migrate")
    command = [*COMMAND, "seed", "--customers", "1000", "--orders", "1000"]
    with Terminal(command, spawn.folder, environment({})) as terminal:
        terminal.wait_for(" 6000/1001000")
        terminal.interrupt()
        code = terminal.wait()
        shown = terminal.output
    with closing(sqlite3.connect(spawn.folder / "tidegraph.db")) as connection:
        ((stored,),) = connection.execute("SELECT COUNT(*) FROM orders")

    assert 130 == code
    assert "━" in shown
    assert SHOW_CURSOR in shown
    assert shown.endswith("tidegraph: interrupted\r\n")
    assert "Traceback" not in shown
    assert stored >= 5000
    assert 0 == stored % 5000
