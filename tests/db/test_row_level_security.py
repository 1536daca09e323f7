"""A Reader of one customer's rows: whatever a statement asks for, no other's are seen or changed."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from db import errors, models, orders, row_level_security, stale_reads
from db import order_lines as lines
from db.models import customer_words, history, order_lines
from db.pagination import page_reads, page_sql
from db.pagination.keyset import ConnectionSpec, Page
from db.pagination.sorts import ORDER_SORTS
from db.reader import Transaction
from tests.db.raw_sql import run
from tests.table_rows import rows_of
from tests.two_customers import TwoCustomers

CUSTOMERS, ORDERS = models.customers, models.orders
# Nobody's rows: a bound caller's reader reads its idempotency keys, and no API keys at all.
WHOSE = {name for name in models.metadata.tables if name not in row_level_security.TABLES_WITHOUT_OWNER}


@pytest.mark.parametrize("name", sorted(WHOSE))
async def test_a_table_shows_the_owners_rows(two: TwoCustomers, name: str) -> None:
    """By itself; of a table that is not known nothing is shown: whoever adds one says whose its rows are."""
    table = models.metadata.tables[name]
    if name == models.api_keys.name:
        with pytest.raises(KeyError, match=name):
            await two.reader.fetch(sa.select(*table.c))
        return
    every = await rows_of(two.database, table)
    found = [tuple(row) for row in await two.reader.fetch(sa.select(*table.c))]

    assert [row for row in every if two.is_adas(table, row)] == sorted(found, key=every.index)
    assert 0 < len(found) < len(every)


def _alias() -> sa.Select[Any]:
    other = ORDERS.alias()
    return sa.select(other.c.customer_id)


def _join() -> sa.Select[Any]:
    joined = CUSTOMERS.join(ORDERS, sa.true())
    return sa.select(CUSTOMERS.c.id, ORDERS.c.customer_id).select_from(joined)


def _outer_join() -> sa.Select[Any]:
    joined = ORDERS.outerjoin(order_lines, order_lines.c.order_id == ORDERS.c.id)
    return sa.select(ORDERS.c.customer_id, order_lines.c.sku).select_from(joined)


def _subquery() -> sa.Select[Any]:
    inner = sa.select(ORDERS.c.customer_id).limit(4).subquery()
    return sa.select(inner.c.customer_id, sa.select(sa.func.count(ORDERS.c.id)).scalar_subquery())


def _in() -> sa.Select[Any]:
    found = sa.select(ORDERS.c.customer_id).where(ORDERS.c.status == "PENDING")
    return sa.select(customer_words.c.customer_id).where(customer_words.c.customer_id.in_(found))


def _exists() -> sa.Select[Any]:
    theirs = sa.exists().where(ORDERS.c.customer_id != history.c.customer_id)
    return sa.select(history.c.customer_id, theirs)


def _union() -> sa.CompoundSelect[Any]:
    return sa.union_all(*(sa.select(table.c.customer_id) for table in (ORDERS, customer_words, history)))


def _window() -> sa.Select[Any]:
    size = sa.func.count().over()
    return sa.select(ORDERS.c.customer_id, size)


def _cross() -> sa.Select[Any]:
    one, other = CUSTOMERS.alias(), CUSTOMERS.alias()
    theirs = sa.exists().where(ORDERS.c.customer_id == other.c.id)
    return sa.select(one.c.id, other.c.id, theirs).where(one.c.version == other.c.version)


# With Ada's id in the place of hers.
ADA = object()
SHAPES: dict[Callable[[], sa.Executable], set[tuple[Any, ...]]] = {
    _alias: {(ADA,)},
    _join: {(ADA, ADA)},
    _outer_join: {(ADA, "ada-sku"), (ADA, None)},
    _subquery: {(ADA, 2)},
    _in: {(ADA,)},
    _exists: {(ADA, False)},
    _union: {(ADA,)},
    _window: {(ADA, 2)},
    _cross: {(ADA, ADA, True)},
}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda each: each.__name__.strip("_"))
async def test_every_shape_of_a_statement_is_narrowed(
    two: TwoCustomers, shape: Callable[[], sa.Executable]
) -> None:
    """However deep a table stands in it, and under whatever name."""
    found = {tuple(row) for row in await two.reader.fetch(shape())}

    assert {tuple(two.ada.id if each is ADA else each for each in row) for row in SHAPES[shape]} == found


async def test_a_statement_is_as_it_was(two: TwoCustomers) -> None:
    """Those that are kept serve others: narrowing leaves them alone."""
    statement = sa.select(ORDERS.c.customer_id)
    await two.reader.fetch(statement)
    found = await two.database.reader().fetch(statement)

    assert {(two.ada.id,), (two.bob.id,)} == {tuple(row) for row in found}


async def test_what_is_sent_without_parameters_is_not_kept(two: TwoCustomers) -> None:
    """It is another one each time, and may take megabytes."""
    # SQLAlchemy keeps the first of its kind.
    await two.reader.fetch(sa.select(ORDERS.c.id).where(ORDERS.c.id > 1))
    statement = sa.select(ORDERS.c.id).where(ORDERS.c.id > 2)
    await two.reader.fetch(statement)
    left = weakref.ref(statement)
    del statement
    gc.collect()

    assert left() is None


async def test_owners_share_a_pages_statement(two: TwoCustomers) -> None:
    """The cached SQL serves all owners; each sees its own rows by it."""
    page = Page(ConnectionSpec("Query.orders", "orders", ORDER_SORTS[0]), 5)
    found, cached = [], []
    for owner in (two.ada, two.bob):
        (slice_,) = await page_reads.read(two.database.reader(owner=owner.id), page, [None])
        found.append({order.customer_id for order in slice_.rows})
        cached.append(len(page_sql.CACHE))

    assert [{two.ada.id}, {two.bob.id}] == found
    assert cached[0] == cached[1]


async def test_text_says_whose_rows_it_reads(two: TwoCustomers) -> None:
    """Or is refused, also with another's; what reads no table is nobody's."""
    mine = sa.text("SELECT id FROM orders WHERE customer_id = :owner ORDER BY id")
    found = await two.reader.fetch(mine, {"owner": two.ada.id})
    for statement, parameters in (
        (mine, {"owner": two.bob.id}),
        (mine, {"owner": None}),
        (sa.text("SELECT id FROM orders"), None),
        (sa.text("SELECT id FROM orders"), {"owner": two.ada.id}),
        (sa.text("select 1 from customers"), None),
        (sa.text("UPDATE orders SET status = 'PAID'"), None),
        (sa.text("TABLE orders"), None),
    ):
        with pytest.raises(errors.StatementFailed):
            await two.reader.fetch(statement, parameters)

    assert sorted(order.id for order in two.adas) == [row.id for row in found]
    assert [(1,)] == [tuple(row) for row in await two.reader.fetch(sa.text("SELECT 1"))]


HIDDEN = "(SELECT COUNT(*) FROM orders)"
UNKNOWN: dict[str, sa.Executable] = {
    "text for a column": sa.select(sa.text(HIDDEN)),
    "a literal column": sa.select(sa.literal_column(HIDDEN)),
    "a literal column in a subquery": sa.select(sa.select(sa.literal_column(HIDDEN).label("n")).subquery()),
    "text for a condition": sa.select(ORDERS.c.id).where(sa.text("1 = 1 OR 1 = 1")),
    "text for a table": sa.select(sa.text("id")).select_from(sa.text("orders")),
    "text with columns": sa.text("SELECT id FROM orders").columns(ORDERS.c.id),
    "a table without columns": sa.select(sa.table("orders", sa.column("id"))),
    "a common table expression": sa.select(sa.select(ORDERS.c.id).cte()),
    "a statement that is no query": sa.DDL("DELETE FROM orders"),
}


@pytest.mark.parametrize("name", UNKNOWN)
async def test_what_is_not_known_is_refused(two: TwoCustomers, name: str) -> None:
    """Rather than sent as it is."""
    with pytest.raises(errors.StatementFailed, match="is not known"):
        await two.reader.fetch(UNKNOWN[name])


async def test_a_transactions_reader_has_its_owner(two: TwoCustomers) -> None:
    """So has one of what is only rehearsed."""

    async def work(transaction: Transaction) -> list[Any]:
        await transaction.execute(ORDERS.update().values(status="PAID"))
        return [row.customer_id for row in await transaction.reader().fetch(sa.select(*ORDERS.c))]

    assert [two.ada.id] * 2 == await two.write(work)


async def test_the_past_is_the_owners_too(two: TwoCustomers) -> None:
    """As of a moment, on TiDB."""
    if two.database.url.is_sqlite:
        with pytest.raises(errors.AsOfUnavailable):
            two.reader.as_of(stale_reads.FIRST)
        return
    moment = await two.database.reader().pin()
    await two.write(lambda transaction: orders.transition(transaction, two.adas[0].id, "PAID"))
    found = await two.reader.as_of(moment).fetch(sa.select(ORDERS.c.customer_id, ORDERS.c.status))

    assert [(two.ada.id, "PENDING")] * 2 == [tuple(row) for row in found]


async def test_a_deleted_orders_history_stays_its_owners(two: TwoCustomers) -> None:
    """Although no order says any more whose it was."""
    for order in (two.adas[0], two.bobs[0]):
        await two.database.write(lambda transaction, each=order.id: orders.delete(transaction, each))
    statement = sa.select(history.c.object_id).where(history.c.action == "DELETED")

    assert [(two.adas[0].id,)] == [tuple(row) for row in await two.reader.fetch(statement)]
    assert 2 == len(await run(two.database, "SELECT 1 FROM history WHERE action = 'DELETED'"))
    assert {} == await lines.get_by_order(two.reader, [order.id for order in two.bobs])
