"""A bank after Jepsen's: money moves between the totals of orders, and none is ever made or lost."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from db import errors, orders
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.idempotency.idempotent_writes import IdempotencyKey, IdempotentWrite
from db.models import Order, history
from db.models import orders as table
from db.money import Money
from db.query_statistics import QueryStatistics
from db.reader import Reader, Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer, create_order
from tests.faults import report
from tests.faults.proof_size import sized_for
from tests.faults.proxy import TidbProxy
from tests.faults.random_faults import RandomFaults

pytestmark = pytest.mark.proof

ACCOUNTS, CLIENTS, TRANSFERS = 8, 8, sized_for(60, 1000)
BALANCE = Decimal(1_000_000)
SUM = sa.select(sa.func.sum(table.c.total))
AGAIN = (errors.OutcomeUnknown, errors.Conflict, errors.Unavailable, errors.DeadlineExceeded)


class Transfer(NamedTuple):
    key: str
    source: int
    target: int
    amount: int

    async def __call__(self, transaction: Transaction) -> tuple[Order, ...]:
        """Both accounts as they are after it."""
        # Not in the order of their ids: some of them shall meet in a deadlock.
        source = await orders.lock(transaction, self.source)
        target = await orders.lock(transaction, self.target)
        given, taken = source.total - self.amount, target.total + self.amount
        first = await orders.update(transaction, source.id, {}, Money(given, "EUR"))
        return first, await orders.update(transaction, target.id, {}, Money(taken, "EUR"))


class Bank:
    """Carries out transfers, each until it is acknowledged; why they were asked for again."""

    def __init__(self, database: Database) -> None:
        self.again: Counter[str] = Counter()
        self.reruns: Counter[str] = Counter()
        self.acknowledged: dict[Transfer, tuple[Order, ...]] = {}
        self._database = database

    async def carry_out(self, transfer: Transfer) -> None:
        key = IdempotencyKey("bank", transfer.key, "transfer", "", timedelta(hours=1))
        while transfer not in self.acknowledged:
            deadline, statistics = Deadline.after(3), QueryStatistics()
            attempts = self._database.attempts(deadline)
            once = IdempotentWrite(self._database, key, None, deadline, statistics, attempts)
            try:
                self.acknowledged[transfer] = await once.run(transfer)
            except AGAIN as error:
                self.again[type(error).__name__] += 1
            self.reruns.update(statistics.retried_for)


async def _of_one_statement(database: Database) -> Sequence[Any]:
    return await database.reader().fetch(SUM)


async def _as_of(database: Database) -> Sequence[Any]:
    reader = database.reader()
    return await _halves(reader.as_of(await reader.pin()))


async def _halves(reader: Reader) -> Sequence[Any]:
    """The sum by two statements of one moment."""
    sides = table.c.id % 2 == 0, table.c.id % 2 == 1
    ((even,),), ((odd,),) = [await reader.fetch(SUM.where(side)) for side in sides]
    return [((even or 0) + (odd or 0),)]


async def _read(database: Database, ended: asyncio.Event) -> list[Decimal]:
    """What there is in all, read again and again in several ways, until it has `ended`."""
    ways: list[Callable[[Database], Awaitable[Any]]] = [_of_one_statement, _as_of]
    found = []
    while not ended.is_set():
        for way in ways:
            # A machine that is busy may not have answered in time, which says nothing about money.
            with suppress(*AGAIN):
                ((total,),) = await way(database)
                found.append(Decimal(total))
            await asyncio.sleep(0.05)
    return found


def _transfers(random: Random, accounts: list[int]) -> list[Transfer]:
    return [
        Transfer(f"transfer-{number}", *random.sample(accounts, 2), random.randint(1, 100))
        for number in range(TRANSFERS)
    ]


@on_tidb
async def test_no_money_is_made_or_lost(
    database: Database,
    proxied: Database,
    proxy: TidbProxy,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """At any moment the sum is the same, and each acknowledged transfer is there once."""
    random, ended = Random(seed := Random().getrandbits(32)), asyncio.Event()
    customer = await create_customer(database)
    accounts = [await create_order(database, customer, total=Money(BALANCE, "EUR")) for _ in range(ACCOUNTS)]
    bank, left = Bank(proxied), iter(_transfers(random, [account.id for account in accounts]))

    async def work() -> None:
        for transfer in left:
            await bank.carry_out(transfer)

    monkeypatch.setattr("db.engine.database.END_TIMEOUT", 0.3)
    reading = asyncio.create_task(_read(database, ended))
    proxy.at_random(RandomFaults(random))
    await asyncio.gather(*(work() for _ in range(CLIENTS)))
    ended.set()
    sums = await reading
    lost, doubled = await _difference(database, bank)
    record_property("figures", _figures(bank, proxy, len(sums), len(lost), len(doubled), seed))

    assert {BALANCE * ACCOUNTS} == set(sums)
    assert (set(), set()) == (lost, doubled)
    assert _expected(bank, accounts) == await _balances(database)


async def _difference(database: Database, bank: Bank) -> tuple[set[Any], set[Any]]:
    """Changes of acknowledged transfers that are not there, and changes that nobody acknowledged."""
    told = {
        (transfer.key, row.id, row.version) for transfer, rows in bank.acknowledged.items() for row in rows
    }
    columns = history.c.idempotency_key, history.c.object_id, history.c.version
    rows = await database.reader().fetch(sa.select(*columns).where(history.c.action == "UPDATED"))
    stored = {tuple(row) for row in rows}
    return told - stored, stored - told


def _expected(bank: Bank, accounts: Sequence[Order]) -> dict[int, Decimal]:
    balances = {account.id: account.total for account in accounts}
    for transfer in bank.acknowledged:
        balances[transfer.source] -= transfer.amount
        balances[transfer.target] += transfer.amount
    return balances


async def _balances(database: Database) -> dict[int, Decimal]:
    rows = await database.reader().fetch(sa.select(table.c.id, table.c.total))
    return {row[0]: row[1] for row in rows}


def _figures(bank: Bank, proxy: TidbProxy, readings: int, lost: int, doubled: int, seed: int) -> str:
    several = [
        f"{len(bank.acknowledged)} transfers, {readings} readings, {lost} lost, {doubled} doubled",
        f"sent again: {report.listed(bank.again)}",
        f"re-runs: {report.listed(bank.reruns)}",
        f"cuts: {report.listed(proxy.cuts)}",
        f"seed {seed}",
    ]
    return "; ".join(several)
