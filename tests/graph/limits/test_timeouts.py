"""A filter that no index serves is allowed, and ended when the request's time is over."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.models import customers
from tests.api import Api
from tests.shared_tidb import Statements

# 300 rows joined with themselves twice are 27 million: no machine compares them all in time.
ROWS, SECONDS = 300, 0.5
CROWD = """
CREATE VIEW customers AS
SELECT a.id, a.username, REPLACE(a.name, b.username, c.username) AS name,
       a.email, a.version, a.created_at, a.updated_at, a.archived_at, a.entered_email,
       a.orders_count
FROM kept a, kept b, kept c
"""
QUERY = "query ($where: CustomerWhere) { customers(where: $where) { nodes { id } } }"
SLOW = [
    {"or": [{"name": {"contains": "nobody"}}, {"name": {"contains": "no one"}}]},
    {"not": {"not": {"or": [{"name": {"eq": "nobody"}}]}}},
]


@pytest.fixture
async def crowded(new_url: str) -> AsyncIterator[Database]:
    """A database with more customers than can be looked through."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    row = {"name": "Ada", "version": 1, "created_at": moment, "updated_at": moment}
    rows: list[dict[str, Any]] = [{**row, "username": f"user-{number}"} for number in range(ROWS)]
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        await database.write(lambda transaction: transaction.insert_many(customers, rows))
        async with database.writes.connect() as connection:
            await connection.exec_driver_sql("ALTER TABLE customers RENAME TO kept")
            await connection.exec_driver_sql(CROWD)
            await connection.commit()
        yield database


@pytest.mark.parametrize("where", SLOW, ids=["contains", "not"])
async def test_an_unindexed_filter_ends_with_the_request(crowded: Database, where: dict[str, Any]) -> None:
    """TIMEOUT, from a statement that told TiDB how long it may take; then the server answers as before."""
    nothing = '{ order(by: {reference: "R-1"}) { id } }'
    async with (
        Api.of(crowded) as patient,
        Api.of(crowded, request_timeout=SECONDS, lock_timeout=SECONDS / 4) as hasty,
    ):
        await patient.data(nothing)
        with Statements(crowded) as statements:
            code = await hasty.code(QUERY, where=where)
        (sent,) = statements
        after = await patient.data(nothing)
    limits = [int(each) for each in re.findall(r"^SELECT /\*\+ MAX_EXECUTION_TIME\((\d+)\) \*/", sent)]

    assert "TIMEOUT" == code
    assert (0 if crowded.url.is_sqlite else 1) == len(limits)
    assert all(0 < each <= SECONDS * 1000 for each in limits)
    assert {"order": None} == after
