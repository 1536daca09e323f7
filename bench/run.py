"""`make bench`: server CPU, statements and rows for each request, as ratios within one run.

All servers are up at once and take turns in random order, each turn the same requests; a ratio is taken
within a turn, and its median over the turns is shown. The machine's speed drifts, the ratios do not.
"""

import argparse
import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import ExitStack

import httpx2
import sqlalchemy as sa

from bench import requests
from bench.queries import CASES, READS, WRITES
from bench.report import report
from bench.requests import Shop
from bench.running import Running, started
from db import migrate, seed
from db.database import Database
from db.sample import Sample
from db.urls import DatabaseUrl
from graph.ids import GlobalId
from tests.tidb.server import TidbServer

DRIVERS = ("asyncmy", "aiomysql")
NAMES = ("tidegraph", "by hand", "plain")
SAMPLE = 1_000


async def prepare(url: str) -> Shop:
    """Fill a database as the README's sample is, twice as many orders."""
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database)
        await seed.fill(database, Sample(1), customer_count=SAMPLE, orders_each=20, progress=lambda _: None)
        async with database.reads.connect() as connection:
            for table in ("customers", "orders"):
                await connection.execute(sa.text(f"ANALYZE TABLE {table}"))
        reader = database.reader()
        orders = await reader.fetch(sa.text(f"SELECT id FROM orders LIMIT {SAMPLE}"))
        customers = await reader.fetch(sa.text("SELECT id, username FROM customers"))
    return Shop(
        [GlobalId("Order", row[0]).encode() for row in orders],
        [GlobalId("Customer", row[0]).encode() for row in customers],
        [row[1] for row in customers],
    )


async def measure(servers: Sequence[Running], shop: Shop, turns: int) -> None:
    """What is written is the newest, and would be read: so writes come after all reads."""
    await same_answers(servers, shop)
    for cases in (READS, WRITES):
        for turn in range(turns):
            for case in cases:
                await take_turns(servers, case, shop, turn)


async def take_turns(servers: Sequence[Running], case: str, shop: Shop, turn: int) -> None:
    able = [server for server in servers if server.knows(case)]
    for server in random.sample(able, len(able)):
        await server.turn(requests.turn(case, shop, turn))


async def same_answers(servers: Iterable[Running], shop: Shop) -> None:
    """Whoever answers something else is not measured."""
    for case in CASES:
        able = [server for server in servers if server.knows(case)]
        answers = [await server.ask(requests.turn(case, shop, 0, count=1)[0]) for server in able]
        different = [server.name for server, each in zip(able, answers, strict=True) if each != answers[0]]
        if different:
            raise SystemExit(f"{case}: {', '.join(different)} answers differently")


async def run(tidb: TidbServer, turns: int) -> None:
    shop = await prepare(tidb.url("bench"))
    with ExitStack() as stack:
        servers = []
        for driver in DRIVERS:
            for name in NAMES:
                address = tidb.url("bench").replace("tidb://", f"mysql+{driver}://")
                base = stack.enter_context(started(name, address))
                # The others do not compress.
                client = httpx2.AsyncClient(
                    base_url=base, timeout=60, headers={"accept-encoding": "identity"}
                )
                servers.append(Running(name, driver, client))
        await measure(servers, shop, turns)
    report(servers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="how often each server takes its turn")
    turns = parser.parse_args().turns
    with TidbServer() as tidb:
        asyncio.run(run(tidb, turns))


if __name__ == "__main__":
    main()
