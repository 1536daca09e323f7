"""Compiled SQL: its cache depends on no values, and no statement is larger than a database takes."""

import gc
import itertools
import operator
import sqlite3
import weakref
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from db.engine import compiled_sql
from db.engine.compiled_sql import LRUCache
from db.engine.database import Database
from db.models import Change, history, orders
from db.pagination import filters, page_reads, page_sql
from db.pagination.filters import Compare, Condition, Either, Every, Not, Related
from db.pagination.keyset import ConnectionSpec, Page, Slice
from db.pagination.sorts import HISTORY_SORT, ORDER_SORTS
from tests.conftest import KINDS
from tests.factories import create_customer
from tests.shared_tidb import Statements

on_each = pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
# What SQLite is built with by default; a distribution may allow more.
SQLITE_VARIABLES = 32_766


class Text(str):
    """A text that can be watched."""


@pytest.fixture
async def parents(database: Database) -> list[int]:
    """Three customers with thirty orders each, and one with none."""
    customers = [await create_customer(database) for _ in range(4)]
    moment = customers[0].created_at
    rows = [
        {
            "customer_id": customer.id,
            "reference": f"R-{customer.username}-{number}",
            "status": "PENDING",
            "total": Decimal(number),
            "currency": "EUR",
            "placed_at": moment + timedelta(hours=number),
            "version": 1,
            "created_at": moment,
            "updated_at": moment,
        }
        for customer in customers[:3]
        for number in range(30)
    ]
    await database.write(lambda transaction: transaction.insert_many(orders, rows))
    return [customer.id for customer in customers]


def scope(where: Condition) -> ConnectionSpec:
    return ConnectionSpec("Customer.orders", "orders", ORDER_SORTS[0], where, "customer_id")


async def read(
    database: Database, where: Condition, parents: Sequence[int], size: int = 2
) -> list[Slice[Any]]:
    return await page_reads.read(database.reader(), Page(scope(where), size), parents)


@on_each
async def test_ever_new_values_are_not_cached(database: Database, parents: list[int]) -> None:
    """Filters that differ in their values only share their SQL, and nothing holds the values afterwards."""

    async def ask(number: int) -> list["weakref.ref[Text]"]:
        texts = [Text(f"{number}-{place}" + "x" * 100) for place in range(4)]
        where = Every(
            (
                Compare("reference", "ne", texts[0]),
                Compare("reference", "not_in", tuple(texts[1:3])),
                Not(Compare("reference", "starts_with", texts[3])),
            )
        )
        await read(database, where, parents)
        await page_reads.count(database.reader(), scope(where), parents, number)
        return [weakref.ref(text) for text in texts]

    await ask(1)
    before = len(page_sql.CACHE)
    gc.collect()
    gc.disable()
    try:
        refs = [ref for number in range(2, 5) for ref in await ask(number)]
        # SQLite's thread holds on to its last statement.
        await ask(5)
        left = [ref() for ref in refs]
    finally:
        gc.enable()

    assert before == len(page_sql.CACHE)
    assert [None] * 12 == left


@on_each
async def test_ever_new_shapes_displace_the_oldest(database: Database, parents: list[int]) -> None:
    """However many operators a filter has, the cached SQL takes no more characters than allowed."""
    columns = ("reference", "status", "currency", "version", "total", "placed_at")
    for chosen in itertools.islice(itertools.product(columns, repeat=3), 30):
        where = Either(
            tuple(Compare(name, "is_null", place % 2 == 0) for place, name in enumerate(chosen * 5))
        )
        await read(database, where, parents)

    assert page_sql.CACHE.currsize <= page_sql.CACHE.maxsize
    assert page_sql.CACHE.currsize == sum(sql.size for sql in page_sql.CACHE.values())


def test_an_entry_is_freed_when_it_is_displaced() -> None:
    """By its last reference: no garbage collection is needed."""
    cache: LRUCache[int, Text] = LRUCache(100, len)
    refs = []
    gc.disable()
    try:
        for number in range(30):
            text = Text("x" * 5)
            refs.append(weakref.ref(text))
            cache[number] = text
            del text
    finally:
        gc.enable()

    assert [False] * 10 + [True] * 20 == [ref() is not None for ref in refs]


def test_a_large_entry_is_not_cached() -> None:
    """It would displace all others."""
    cache: LRUCache[str, str] = LRUCache(100, len)
    made = [cache.get_or_make("a", partial(operator.mul, "x", size)) for size in (6, 5, 4)]

    assert ["x" * 6, "x" * 5, "x" * 5] == made
    assert 5 == cache.currsize


async def test_other_statements_are_cached_by_size(database: Database) -> None:
    """Those that SQLAlchemy compiles; the values of the first one count, as it keeps them."""
    cache = compiled_sql.statement_cache()
    async with database.reads.connect() as connection:
        for length in (10, 1_000_000):
            statement = sa.select(orders.c.id).where(
                orders.c.reference.in_(["x" * length] * (1 + length % 3))
            )
            await connection.execute(statement, execution_options={"compiled_cache": cache})
            gc.collect()

    assert 1 == len(cache)
    assert cache.currsize < 10_000


FIFTY_LISTS = Every(
    tuple(
        Compare("reference", "not_in", tuple(f"{number}-{place}" for place in range(100)))
        for number in range(50)
    )
)


@pytest.fixture
def sqlite_limits(database: Database) -> None:
    """SQLite's own limits, whatever this build allows."""
    if not database.url.is_sqlite:
        return

    def limit(connection: Any, _record: object) -> None:
        driver = connection.driver_connection._conn
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, SQLITE_VARIABLES)

    for engine in (database.reads, database.writes):
        sa.event.listen(engine.sync_engine, "connect", limit)


@pytest.mark.usefixtures("sqlite_limits")
@on_each
@pytest.mark.parametrize("owner", [False, True])
async def test_the_largest_filter_works_for_many_parents(
    database: Database, parents: list[int], owner: bool
) -> None:
    """With few or many children, with both bounds, counted, and for a caller restricted to one customer."""
    reader = database.reader(owner=parents[1] if owner else None)
    many = [*parents, *range(10**6, 10**6 + 96)]
    first = await page_reads.read(reader, Page(scope(FIFTY_LISTS), 30), many)
    keys = [scope(FIFTY_LISTS).sort.key(first[1].rows[place]) for place in (5, -5)]
    pages = [
        await page_reads.read(reader, Page(scope(FIFTY_LISTS), size, after=keys[0], before=keys[1]), many)
        for size in (2, 30)
    ]
    counts = await page_reads.count(reader, scope(FIFTY_LISTS), many, 100)
    shown = [1, 1, 1] if not owner else [0, 1, 0]

    assert [30 * each for each in shown] == [len(slice_.rows) for slice_ in first[:3]]
    assert [2, 19] == [len(found[1].rows) for found in pages]
    assert [(True, True)] * 2 == [(found[1].has_previous, found[1].has_next) for found in pages]
    assert [30 * each for each in shown] + [0] * 97 == [each.value for each in counts]


@pytest.mark.usefixtures("sqlite_limits")
@on_each
async def test_thousands_of_parents_are_read_in_several_statements(database: Database) -> None:
    """SQLite takes 500 parts of a UNION ALL, and 32,766 parameters."""
    row = dict.fromkeys(Change._fields) | {"kind": "Order", "action": "UPDATED", "fields": "{}"}
    made = (await create_customer(database)).created_at
    rows = [
        row | {"object_id": number, "version": version, "at": made, "principal": "p"}
        for number in range(1, 701)
        for version in range(1, 6 if number > 500 else 2)
    ]
    await database.write(lambda transaction: transaction.insert_many(history, rows))
    wanted = ConnectionSpec(
        "Order.history", "history", HISTORY_SORT, Compare("kind", "eq", "Order"), "object_id"
    )
    parents = list(range(1, 701))
    with Statements(database) as sent:
        small = await page_reads.read(database.reader(), Page(wanted, 0), parents)
    counts = await page_reads.count(database.reader(), wanted, [*parents, *range(10_000, 19_000)], 10)

    assert [True] * 700 == [slice_.has_next for slice_ in small]
    # Two look at the number of changes; one more has those with few, and some of the others.
    assert 3 == len(sent)
    assert 500 + 200 * 5 == sum(each.value for each in counts)


@on_each
async def test_a_usual_page_is_one_statement(database: Database, parents: list[int]) -> None:
    """Besides the look at the numbers of children, also where a parent has many."""
    for size in (2, 30):
        with Statements(database) as sent:
            await read(database, Compare("status", "in_", ("PENDING", "PAID")), parents, size)

        assert 2 == len(sent)


@on_each
async def test_conditions_find_the_same_as_literals_and_as_parameters(
    database: Database, parents: list[int]
) -> None:
    """Also empty lists, empty and repeated parts, and texts longer than any that is stored."""
    names = [row[0] for row in await database.reader().fetch(sa.select(orders.c.reference))]
    long = max(names) + "x" * 300
    conditions: list[Condition] = [
        Compare("reference", "in_", ()),
        Compare("reference", "not_in", ()),
        Not(Compare("reference", "in_", (names[0], names[0], names[1]))),
        Compare("reference", "starts_with", ""),
        Compare("reference", "starts_with", names[0][:-1]),
        Not(Compare("reference", "starts_with", "\U0010ffff")),
        Every((Every((Every(), Every())), Compare("reference", "ne", names[0]))),
        Either((Either((Either(),)), Compare("reference", "eq", names[0]))),
        Not(Every()),
        Related("customer", Compare("id", "in_", tuple(parents[:2]))),
        Compare("reference", "lte", filters.truncate_for_comparison(long)),
        Compare("reference", "gt", filters.truncate_for_comparison(long)),
        Compare("reference", "contains", filters.truncate_for_comparison(long)),
    ]
    expected, found = [], []
    for condition in conditions:
        statement = sa.select(orders.c.id).where(filters.clause(orders, condition))
        expected.append(len(await database.reader().fetch(statement)))
        found.append(
            sum(
                each.value
                for each in await page_reads.count(database.reader(), scope(condition), parents, 100)
            )
        )

    assert expected == found
    assert [0, 90, 88, 90] == found[:4]
    assert [90, 90, 89, 1, 0, 60, 90, 0, 0] == [found[4] + 90 - found[4], *found[5:]]


@pytest.mark.parametrize(
    "stored", ["", "a", "x" * filters.MAX_TEXT_LENGTH, "y" * filters.MAX_TEXT_LENGTH, "x"]
)
@pytest.mark.parametrize(
    "sent", ["x" * 300, "x" * filters.MAX_TEXT_LENGTH, "x" * 254 + "y" * 50, "", "y" * 999]
)
def test_texts_that_are_cut_compare_in_the_same_way(stored: str, sent: str) -> None:
    """With everything that a column can hold."""
    cut = filters.truncate_for_comparison(sent)

    def compared(text: str) -> tuple[bool, ...]:
        return stored == text, stored < text, stored > text, text in stored, stored.startswith(text)

    assert len(cut) <= filters.MAX_TEXT_LENGTH + 1
    assert compared(sent) == compared(cut)
