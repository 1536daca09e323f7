"""A dry run's transaction: it holds its locks for a bounded time, whatever its payload's reading takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, errors
from db.audit.author import Author
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.models import Customer
from db.query_statistics import QueryStatistics
from db.reader import Reader
from tests.db.test_query_cancellation import slow
from tests.factories import create_customer


@pytest.fixture
async def customer(database: Database, monkeypatch: pytest.MonkeyPatch) -> Customer:
    """A customer; dry runs have a twentieth of a second."""
    monkeypatch.setattr("db.engine.database.DRY_RUN_SECONDS", 0.05)
    return await create_customer(database)


def rename(customer: Customer, name: str) -> Any:
    return partial(customers.update, customer_id=customer.id, values={"name": name})


@asynccontextmanager
async def dry_run(database: Database, customer: Customer) -> AsyncIterator[Reader]:
    """Renames the customer and reads what would be."""
    deadline, author = Deadline.none(), Author("one")
    attempts = database.attempts(deadline)
    rehearsal = database.dry_run(
        rename(customer, "Dry"), deadline, QueryStatistics(), author=author, attempts=attempts
    )
    async with rehearsal as (_, reader):
        yield reader


async def test_a_dry_run_ends_at_its_time_although_its_payload_is_still_read(
    database: Database, customer: Customer
) -> None:
    """Others get its locks, and its Reader reads nothing any more."""
    async with dry_run(database, customer) as reader:
        real = await database.write(rename(customer, "Real"), author=Author("another"))
        with pytest.raises(errors.DeadlineExceeded):
            await reader.fetch(sa.text("SELECT 1"))

    assert ("Real", 2) == (real.name, real.version)
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]


async def test_a_slow_statement_of_a_dry_run_ends_with_it(database: Database, customer: Customer) -> None:
    """And so do its locks, although its connection cannot be used again."""
    async with dry_run(database, customer) as reader:
        with pytest.raises(errors.DeadlineExceeded):
            await reader.fetch(slow(database))
        real = await database.write(rename(customer, "Real"), author=Author("another"))

    assert ("Real", 2) == (real.name, real.version)
    assert 0 == database.writes.pool.checkedout()  # type: ignore[attr-defined]
