"""What is kept of statements is bounded by its size, for ever new ones can be large."""

import itertools

import pytest

from db import connections, statements, weights
from db.database import Database
from db.filters import Compare, Every
from db.models import orders as table
from db.pages import Page, Scope
from db.reader import Reader
from db.sorts import ORDER_SORTS
from tests.compiled import COMPILED
from tests.conftest import KINDS

pytestmark = pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
NUMBERS = itertools.count()
PARENTS = list(range(1, 61))


async def read(reader: Reader, conditions: int = 1) -> None:
    """A page of many parents with a filter that nobody has sent before, as if each had many children."""
    where = Every(tuple(Compare("reference", "ne", f"{next(NUMBERS)}") for _ in range(conditions)))
    page = Page(Scope("Customer.orders", "orders", ORDER_SORTS[0], where, "customer_id"), 1)
    statement = statements.page(page, tuple(table.c.keys()), False, len(PARENTS))
    await reader.fetch(statement, statements.parameters([], PARENTS))
    await connections.count(reader, page.scope, PARENTS, 10)


async def test_ever_new_statements_are_kept_by_their_weight(database: Database) -> None:
    """However many parents and conditions they have, and whoever sends them."""
    before = len(COMPILED)
    readers = [database.reader(), database.reader(owner=1)]
    for conditions, reader in zip((1, 2, 3, 4, 5) * 3, itertools.cycle(readers), strict=False):
        await read(reader, conditions)

    assert before == len(COMPILED)
    assert len(weights.COMPILED) <= 1.5 * weights.COMPILED.capacity
    assert statements.PAGES.weight <= 10_000
    assert len(statements.PAGES) <= 10_000 // (len(PARENTS) * weights.BRANCH)


async def test_the_heaviest_are_not_kept_at_all(database: Database) -> None:
    """They would take the place of all others."""
    kept, compiled = len(statements.PAGES), len(weights.COMPILED)
    await read(database.reader(), 40)

    assert (kept, compiled) == (len(statements.PAGES), len(weights.COMPILED))
