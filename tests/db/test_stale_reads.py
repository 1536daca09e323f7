"""Statements as of a moment: which of them TiDB reads in the past, and why it cannot."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from db import customers, errors, order_lines, orders, stale_reads
from db.engine.database import Database
from db.engine.drivers import MysqlConnection
from db.pagination import page_reads
from db.pagination.filters import Compare, Not, Related
from db.pagination.keyset import ConnectionSpec, Page
from db.pagination.sorts import CUSTOMER_SORTS, ORDER_SORTS
from db.reader import Reader
from tests.conftest import KINDS
from tests.factories import create_customer, create_order, line
from tests.shared_statement_cache import COMPILED
from tests.shared_tidb import Statements

on_sqlite = pytest.mark.parametrize("database_url", KINDS[:1], indirect=True)
on_tidb = pytest.mark.parametrize("database_url", KINDS[1:], indirect=True)

MOMENT = datetime(2026, 2, 28, 9, 30, 0, 123_000, UTC)
THEN = "AS OF TIMESTAMP '2026-02-28 09:30:00.123000'"
HAS_PAID = Related("orders", Compare("status", "eq", "PAID"))


async def everything(reader: Reader, customer_ids: list[int], order_ids: list[int]) -> list[Any]:
    """What each kind of statement reads, of small parents and of big ones."""
    root = Page(ConnectionSpec("f", "customers", CUSTOMER_SORTS[0], Not(HAS_PAID)), 5)
    nested = Page(
        ConnectionSpec("f", "orders", ORDER_SORTS[0], Related("customer", HAS_PAID), "customer_id"), 1
    )
    after = Page(nested.spec, 1, after=(datetime(2026, 1, 5, tzinfo=UTC), 1))
    return [
        sorted(await customers.get_many(reader, "id", customer_ids)),
        sorted(await orders.get_many(reader, "id", order_ids)),
        await order_lines.get_by_order(reader, order_ids),
        [found.rows for found in await page_reads.read(reader, root, [None])],
        [found.rows for found in await page_reads.read(reader, nested, customer_ids)],
        [(found.rows, found.has_previous) for found in await page_reads.read(reader, after, customer_ids)],
        await page_reads.count(reader, nested.spec, customer_ids, 100),
    ]


@on_tidb
async def test_every_statement_is_read_as_of_the_moment(database: Database) -> None:
    """Lookups, lines, counts and pages of small and big parents show what was there."""
    few, many, none = [await create_customer(database) for _ in range(3)]
    placed = [datetime(2026, 1, day, tzinfo=UTC) for day in range(1, 11)]
    stored = [await create_order(database, few, line()), await create_order(database, none)]
    stored += [await create_order(database, many, placed_at=each) for each in placed]
    for order in (stored[0], stored[2]):
        await database.write(partial(orders.transition, order_id=order.id, to="PAID"))
    keys = [few.id, many.id, none.id], [order.id for order in stored]
    present = database.reader()
    before = await everything(present, *keys)
    moment = await present.pin()
    for order in stored[3:]:
        await database.write(partial(orders.delete, order_id=order.id))
    await database.write(lambda transaction: orders.transition(transaction, stored[1].id, "PAID"))
    await database.write(lambda transaction: customers.update(transaction, few.id, {"name": "Other"}))

    assert before == await everything(present.as_of(moment), *keys)
    assert before != await everything(present, *keys)
    assert [3, 12, 1, 1] == [len(part) for part in before[:4]]


@on_tidb
async def test_a_moment_is_cut_to_its_millisecond(database: Database) -> None:
    """What lies below is not rounded up: the millisecond that was named is read, in UTC."""
    moment = await database.reader().pin()
    reader = database.reader().as_of(moment + timedelta(microseconds=999))

    assert moment == reader.read_timestamp
    assert [] == await customers.get_many(reader, "id", [1])


def test_a_pin_is_past_its_millisecond() -> None:
    """Of what was committed within the clock's own millisecond nothing may be missed."""
    for microseconds in (0, 1, 999):
        assert MOMENT + stale_reads.MILLISECOND == stale_reads.next_millisecond(
            MOMENT + timedelta(microseconds=microseconds)
        )


@on_tidb
async def test_what_was_committed_is_in_the_next_pin(database: Database) -> None:
    """A pin lies after every write that was confirmed before it."""
    for number in range(1, 21):
        customer = await create_customer(database, name=f"Number {number}")
        reader = database.reader()
        then = reader.as_of(await reader.pin())

        assert [customer] == await customers.get_many(then, "id", [customer.id])


@on_tidb
async def test_a_moment_about_to_come_is_waited_for(database: Database) -> None:
    """A client's clock, or a cluster's, may be a little ahead."""
    customer = await create_customer(database)
    reader = database.reader()
    soon = reader.as_of(await reader.pin() + timedelta(milliseconds=60))

    assert [customer] == await customers.get_many(soon, "id", [customer.id])


@on_tidb
@pytest.mark.parametrize(
    ("year", "reasons"),
    [
        (1000, {stale_reads.NO_SCHEMA}),
        # A TiDB that has run for ten minutes has forgotten it, too.
        (2020, {stale_reads.NO_SCHEMA, stale_reads.BEFORE_GC_SAFE_POINT}),
        (2037, {stale_reads.FUTURE}),
        (9999, {stale_reads.FUTURE}),
    ],
)
async def test_a_moment_out_of_reach_says_why(database: Database, year: int, reasons: set[str]) -> None:
    """In the future, and before the tables, whether or not TiDB's timestamps go as far."""
    with pytest.raises(errors.AsOfUnavailable) as raised:
        await customers.get_many(database.reader().as_of(datetime(year, 1, 1, tzinfo=UTC)), "id", [1])

    assert str(raised.value) in reasons


@on_tidb
@pytest.mark.parametrize("code", [8055, 9006])
async def test_a_moment_past_garbage_collection_says_so(database: Database, code: int) -> None:
    """The embedded store collects no garbage, so the driver raises here what a cluster answers."""
    reader = database.reader()
    moment = await reader.pin()
    with forgotten(code), pytest.raises(errors.AsOfUnavailable) as raised:
        await customers.get_many(reader.as_of(moment), "id", [1])

    assert stale_reads.BEFORE_GC_SAFE_POINT == str(raised.value)


@on_tidb
async def test_moments_share_one_compiled_statement(database: Database, statements: Statements) -> None:
    """A moment is written into the text that goes out, not into what SQLAlchemy compiles and keeps."""
    reader = database.reader()
    moment = await reader.pin()
    kept = []
    for number in range(5):
        await customers.get_many(reader.as_of(moment - timedelta(milliseconds=number)), "id", [1])
        kept.append(len(COMPILED))

    assert 6 == len(set(statements))
    assert [kept[0]] * 5 == kept


@on_sqlite
async def test_sqlite_keeps_no_past(database: Database) -> None:
    """A reader of SQLite has no other moment than the present."""
    for read in (lambda: database.reader().as_of(MOMENT), database.reader().require_stale_reads):
        with pytest.raises(errors.AsOfUnavailable) as raised:
            read()

        assert stale_reads.NO_STALE_READS == str(raised.value)
    with pytest.raises(errors.AsOfUnavailable):
        await database.reader().pin()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT 1 FROM orders", f"SELECT 1 FROM orders {THEN}"),
        ("SELECT orders.id \nFROM orders \nWHERE", f"SELECT orders.id \nFROM orders {THEN} \nWHERE"),
        ("FROM orders AS o USE INDEX (i)", f"FROM orders AS o {THEN} USE INDEX (i)"),
        ("FROM orders, customers AS c", f"FROM orders {THEN}, customers AS c {THEN}"),
        ("FROM orders JOIN customers ON", f"FROM orders {THEN} JOIN customers {THEN} ON"),
        ("FROM (SELECT 1 FROM orders) AS orders_1", f"FROM (SELECT 1 FROM orders {THEN}) AS orders_1"),
        (
            "SELECT a.b, orders.id FROM order_lines AS a",
            f"SELECT a.b, orders.id FROM order_lines AS a {THEN}",
        ),
        ("SELECT 1", "SELECT 1"),
    ],
)
def test_every_table_carries_the_moment(statement: str, expected: str) -> None:
    """It stands behind the alias and before the index, at every level of the statement."""
    assert expected == stale_reads.as_of(statement, MOMENT)


def test_a_statement_about_other_tables_is_refused() -> None:
    """It would be read at the present without anybody noticing."""
    with pytest.raises(errors.StatementFailed):
        stale_reads.as_of("SELECT 1 FROM elsewhere", MOMENT)


async def test_without_a_moment_statements_are_as_they_were(
    database: Database, statements: Statements
) -> None:
    """The present costs one statement, with nothing in it about time."""
    await customers.get_many(database.reader(), "id", [1])

    assert [False] == [stale_reads.AS_OF in statement or "AS OF" in statement for statement in statements]


@contextmanager
def forgotten(code: int) -> Iterator[None]:
    """Let every statement about the past fail as on a server that has collected its garbage."""
    query = MysqlConnection.query

    async def refuse(connection: MysqlConnection, statement: Any, *options: Any, **named: Any) -> Any:
        if "AS OF" in str(statement):
            raise connection.driver.OperationalError(code, "GC life time is shorter")
        return await query(connection, statement, *options, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MysqlConnection, "query", refuse)
        yield
