"""A set after Jepsen's: what was acknowledged is there once, what surely failed is not."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias

import pytest
import sqlalchemy as sa

from db import errors, orders
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.idempotency.idempotent_writes import IdempotencyKey, IdempotentWrite
from db.models import Customer, Order
from db.models import orders as table
from db.money import Money
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer
from tests.faults import report
from tests.faults.proof_size import sized_for
from tests.faults.proxy import TidbProxy
from tests.faults.random_faults import RandomFaults

pytestmark = pytest.mark.proof

CLIENTS, ELEMENTS = 8, sized_for(60, 1000)
SURELY = (errors.Conflict, errors.Unavailable, errors.DeadlineExceeded)
Work: TypeAlias = Callable[[Transaction], Awaitable[Order]]
Insert: TypeAlias = Callable[[Database, Work, int, Deadline], Awaitable[Any]]


async def plainly(database: Database, work: Work, _element: int, deadline: Deadline) -> Any:
    return await database.write(work, deadline)


async def with_a_key(database: Database, work: Work, element: int, deadline: Deadline) -> Any:
    key = IdempotencyKey("set", str(element), "insert", "", timedelta(hours=1))
    attempts = database.attempts(deadline)
    return await IdempotentWrite(database, key, None, deadline, QueryStatistics(), attempts).run(work)


class Elements:
    """Puts numbers into a set, the totals of orders that nothing else tells apart, each once."""

    def __init__(self, database: Database, insert: Insert, random: Random) -> None:
        self.acknowledged: set[int] = set()
        self.unknown: set[int] = set()
        self.failed: set[int] = set()
        self._database = database
        self._insert = insert
        self._random = random

    async def add(self, element: int, customer: Customer) -> None:
        """What is acknowledged is read back at once."""
        deadline = Deadline.after(self._random.uniform(0.05, 2))
        amount = Money(Decimal(element), "EUR")

        async def work(transaction: Transaction) -> Order:
            return await orders.insert(transaction, {"customer_id": customer.id}, amount, ())

        try:
            order = await self._insert(self._database, work, element, deadline)
        except errors.OutcomeUnknown:
            self.unknown.add(element)
        except SURELY:
            self.failed.add(element)
        else:
            self.acknowledged.add(element)
            await self._read_back(order)

    async def _read_back(self, order: Order) -> None:
        try:
            assert [order] == await orders.get_many(
                self._database.reader(Deadline.after(5)), "id", [order.id]
            )
        except SURELY:
            # The line was cut again; all are read in the end.
            return


@on_tidb
@pytest.mark.parametrize("insert", [plainly, with_a_key])
async def test_a_set_keeps_what_it_was_given(
    insert: Insert,
    database: Database,
    proxied: Database,
    proxy: TidbProxy,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Nothing acknowledged is lost, nothing is there twice, and nothing that surely failed is there."""
    random = Random(seed := Random().getrandbits(32))
    owners = [await create_customer(database) for _ in range(CLIENTS)]
    elements, left = Elements(proxied, insert, random), iter(range(1, ELEMENTS + 1))

    async def work(customer: Customer) -> None:
        for element in left:
            await elements.add(element, customer)

    monkeypatch.setattr("db.engine.database.END_TIMEOUT", 0.3)
    proxy.at_random(RandomFaults(random))
    await asyncio.gather(*(work(owner) for owner in owners))
    stored = Counter(int(row[0]) for row in await database.reader().fetch(sa.select(table.c.total)))
    lost = elements.acknowledged - stored.keys()
    doubled = {element for element, times in stored.items() if times > 1}
    ghosts = elements.failed & stored.keys()
    found = [
        f"{ELEMENTS} inserts, {len(lost)} lost, {len(doubled)} doubled, {len(ghosts)} there that had failed",
        f"{len(elements.unknown)} of unknown outcome, {len(elements.failed)} failed",
        f"cuts: {report.listed(proxy.cuts)}",
        f"seed {seed}",
    ]
    record_property("figures", "; ".join(found))

    assert (set(), set(), set()) == (lost, doubled, ghosts)
    assert ELEMENTS == len(elements.acknowledged | elements.unknown | elements.failed)
