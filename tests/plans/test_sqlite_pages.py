"""SQLite's plans of pages: a cursor is a place in the index that serves the sort."""

import re
from dataclasses import replace
from typing import Any

import pytest

from db.engine.database import Database
from db.pagination import page_sql
from db.pagination.filters import MATCH_ALL, Compare
from db.pagination.keyset import ConnectionSpec, Page
from db.pagination.page_sql import CompileTarget
from db.pagination.sorts import SORTS, Sort
from tests.conftest import on_sqlite
from tests.factories import create_customer, create_order

each_sort = pytest.mark.parametrize(
    ("table", "sort"),
    [(table, sort) for table, sorts in SORTS.items() for sort in sorts],
    ids=lambda value: value if isinstance(value, str) else "_".join(value.fields),
)


async def plan_of(database: Database, page: Page, parents: list[int]) -> list[str]:
    """SQLite's steps for the statement of a page."""
    reader = database.reader()
    columns = tuple(page.spec.rows_from.c.keys())
    (statement,) = page_sql.page_statements(page, columns, [], parents, CompileTarget(reader.dialect))
    explained = replace(statement, text=f"EXPLAIN QUERY PLAN {statement.text}", processors=())
    return [step for *_, step in await reader.fetch(explained)]


def key_of(sort: Sort, row: Any) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in sort.keys)


@on_sqlite
@each_sort
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("nested", [False, True])
async def test_a_cursor_is_sought_in_the_index(
    database: Database, table: str, sort: Sort, descending: bool, nested: bool
) -> None:
    """A page and both of its probes begin at the cursor's place, and nothing is sorted or scanned."""
    customer = await create_customer(database)
    order = await create_order(database, customer)
    row: Any = customer if table == "customers" else order
    if nested and table == "customers":
        pytest.skip("no connection has customers below a row")
    where = Compare("currency", "eq", "EUR") if sort.pinned else MATCH_ALL
    parent = "customer_id" if nested else None
    spec = ConnectionSpec("any", table, replace(sort, descending=descending), where, parent)
    key = key_of(sort, row)
    steps = await plan_of(database, Page(spec, 2, after=key, before=key), [customer.id] if nested else [])
    reads = [step for step in steps if table in step]

    assert 3 == len(reads)
    for step in reads:
        assert re.match(rf"SEARCH {table} USING .*[<>]", step), steps
    assert not [step for step in steps if "TEMP B-TREE" in step]
