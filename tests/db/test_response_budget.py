"""What is read for one response is counted while it is fetched, and fetching stops at the limit."""

import pytest

from db import order_lines
from db.engine.database import Database
from db.errors import MemoryExhausted, ResponseTooLarge
from db.models import Order
from db.query_statistics import QueryStatistics
from db.response_budget import OBJECT_BYTES, PART, STEP, ResponseBudget
from tests.factories import create_customer, create_order, line

LIMIT = 40_000
# A line has seven values: three texts, 64 + 250 + 3 bytes, and four that count 8 each.
LINE = 64 + 250 + 3 + 4 * 8


async def large_orders(database: Database, count: int) -> list[Order]:
    """Orders of 200 lines with the longest texts."""
    customer = await create_customer(database)
    long = [line("s" * 64)._replace(name="n" * 250)] * 200
    return [await create_order(database, customer, *long) for _ in range(count)]


async def test_rows_are_counted(database: Database) -> None:
    """All values of all rows that are read."""
    order, *_ = await large_orders(database, 1)
    statistics = QueryStatistics()
    await order_lines.get_by_order(database.reader(statistics=statistics), [order.id])

    assert 200 == statistics.rows
    assert 200 * (64 + 250 + 3) < statistics.budget.fetched < 200 * (64 + 250 + 3 + 7 * 12)


async def test_fetching_stops_at_the_limit(database: Database) -> None:
    """Of 2,000 lines no more than one part is read beyond the limit, and no further statement is sent."""
    orders = await large_orders(database, 10)
    statistics = QueryStatistics(budget=ResponseBudget(LIMIT))
    reader = database.reader(statistics=statistics)
    with pytest.raises(ResponseTooLarge):
        await order_lines.get_by_order(reader, [order.id for order in orders])
    with pytest.raises(ResponseTooLarge):
        await order_lines.exist(reader, orders[0].id)

    assert LIMIT < statistics.budget.fetched <= LIMIT + PART * (LINE + 7 * 8)
    assert 0 == statistics.rows


async def test_the_next_request_reads(database: Database) -> None:
    """What was stopped leaves neither rows nor a broken connection behind: 30 times the pool's size."""
    orders = await large_orders(database, 2)
    ids = [order.id for order in orders]
    for _ in range(database.limits.pool_size + 10):
        with pytest.raises(ResponseTooLarge):
            await order_lines.get_by_order(
                database.reader(statistics=QueryStatistics(budget=ResponseBudget(LIMIT))), ids
            )

    found = await order_lines.get_by_order(database.reader(), ids)
    assert [200, 200] == [len(found[each]) for each in ids]
    assert 0 == database.reads.pool.checkedout()  # type: ignore[attr-defined]


def test_memory_includes_the_objects_of_rows() -> None:
    """They are reserved beside their bytes, and do not count as bytes of the response."""
    sizes: list[int] = []
    budget = ResponseBudget(100_000, reserve=sizes.append)
    budget.add_rows([("a" * 50, 1)] * 1_000)

    assert [58_000 + 2_000 * OBJECT_BYTES] == sizes
    assert 58_000 == budget.fetched


def test_memory_is_reserved_in_steps() -> None:
    """Rows and JSON together; once it is refused, so is everything more."""
    sizes: list[int] = []

    def reserve(size: int) -> None:
        if size > 3 * STEP:
            raise MemoryExhausted
        sizes.append(size)

    budget = ResponseBudget(reserve=reserve)
    for _ in range(6):
        budget.add(STEP // 4)
        budget.add_fetched(STEP // 4)
    with pytest.raises(MemoryExhausted):
        budget.add_fetched(STEP)
    with pytest.raises(MemoryExhausted):
        budget.add(1)

    assert [STEP, 2 * STEP, 3 * STEP] == sizes
