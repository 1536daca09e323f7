"""A large shop on TiDB: 50,000 customers, of whom one has 100,000 orders, with fresh statistics."""

import asyncio
import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from tests.shared_tidb import SharedTidb, execute

CUSTOMERS, BUYERS, ORDERS_EACH, WHALE_ORDERS = 50_000, 4_000, 5, 100_000
# Among the first twenty by username.
WHALE = "user-00010"
BATCH = 10_000

NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
NEW_CUSTOMERS = f"""
INSERT INTO customers (username, name, email, version, created_at, updated_at, archived_at)
{NUMBERS}, m(i) AS (SELECT i + :start FROM n)
SELECT CONCAT('user-', LPAD(i, 5, '0')), CONCAT('Name ', i % 997),
       IF(i % 10 = 0, NULL, CONCAT('user-', LPAD(i, 5, '0'), '@example.com')),
       1, '2025-01-01' + INTERVAL i * 7919 % 500000 MINUTE, '2026-01-01', IF(i % 8 = 7, '2026-06-01', NULL)
FROM m
"""
# Of a hundred, 80 are PAID and 1 is PENDING; half have no reference.
NEW_ORDERS = """
INSERT INTO orders
    (customer_id, reference, status, total, currency, placed_at, version, created_at, updated_at)
"""
COLUMNS = """
    IF(k % 2 = 0, NULL, CONCAT(prefix, '-', LPAD(k, 6, '0'))),
    CASE WHEN k % 100 = 1 THEN 'PENDING' WHEN k % 100 < 81 THEN 'PAID' ELSE 'FULFILLED' END,
    k * 31 % 1000 + 0.25, IF(k % 4 = 3, 'USD', 'EUR'), '2026-01-01' + INTERVAL k * 17 % 500000 MINUTE,
    1, '2026-01-02' + INTERVAL k * 17 % 500000 MINUTE, '2026-01-02'
"""
ORDERS_OF_BUYERS = f"""
{NEW_ORDERS}
SELECT id, {COLUMNS} FROM (
    SELECT id, CAST(RIGHT(username, 5) AS UNSIGNED) * 5 + :number AS k, 'B' AS prefix
    FROM customers WHERE username <= :last AND username <> :whale
) b
"""
ORDERS_OF_WHALE = f"""
{NEW_ORDERS}
{NUMBERS}
SELECT id, {COLUMNS} FROM (
    SELECT c.id AS id, n.i + :start AS k, 'W' AS prefix FROM customers c, n WHERE c.username = :whale
) w
"""

COUNT_ORDERS = """
UPDATE customers SET orders_count = IF(username = :whale, :all, :each) WHERE username <= :last
"""
ADDED = """
SELECT SUM(modify_count) FROM mysql.stats_meta JOIN information_schema.tables ON tidb_table_id = table_id
WHERE table_schema = DATABASE() AND table_name IN ('customers', 'orders')
"""


@contextmanager
def shared(tidb: SharedTidb, name: str, lock: Path) -> Iterator[str]:
    """The address of database `name`; the first process makes it, the last one drops it."""
    url = tidb.url(name)
    with _counted(lock, 1) as users:
        if users == 1:
            asyncio.run(_fill(url))
    try:
        yield url
    finally:
        with _counted(lock, -1) as users:
            if users == 0:
                asyncio.run(execute(tidb.url(), f"DROP DATABASE {name}"))


@contextmanager
def _counted(lock: Path, change: int) -> Iterator[int]:
    """How many processes use it after the change; no other changes it meanwhile."""
    with lock.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        users = int(file.read() or 0) + change
        file.truncate(0)
        file.write(str(users))
        file.flush()
        yield users


async def _fill(url: str) -> None:
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database)
        async with database.reads.connect() as connection:

            async def run(statement: str, **values: object) -> None:
                await connection.execute(sa.text(statement), values)

            # The check of each order's customer takes longer than the order.
            await run("SET foreign_key_checks = 0, cte_max_recursion_depth = 1000000")
            for start in range(0, CUSTOMERS, BATCH):
                await run(NEW_CUSTOMERS, start=start, many=BATCH)
            for number in range(ORDERS_EACH):
                await run(ORDERS_OF_BUYERS, number=number, last=f"user-{BUYERS:05}", whale=WHALE)
            for start in range(0, WHALE_ORDERS, BATCH):
                await run(ORDERS_OF_WHALE, start=start, many=BATCH, whale=WHALE)
            await run(COUNT_ORDERS, last=f"user-{BUYERS:05}", each=ORDERS_EACH, whale=WHALE, all=WHALE_ORDERS)
            await _analyze(connection)


async def _analyze(connection: AsyncConnection) -> None:
    """Make fresh statistics, and keep them fresh.

    Once a minute TiDB adds what was inserted to them, and so counts it twice, unless they are locked.
    """
    fresh = False
    while not fresh:
        await connection.execute(sa.text("ANALYZE TABLE customers, orders"))
        await connection.execute(sa.text("LOCK STATS customers, orders"))
        # The minute may have ended while they were made; what was inserted is then added for good.
        fresh = not await connection.scalar(sa.text(ADDED))
        if not fresh:
            await connection.execute(sa.text("UNLOCK STATS customers, orders"))
