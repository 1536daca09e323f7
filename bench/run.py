"""`make bench`: server CPU, statements and rows for each request, as ratios within one run.

All servers are up at once and take turns in random order, each turn the same requests; a ratio is taken
within a turn, and its median over the turns is shown. The machine's speed drifts, the ratios do not.
"""

import argparse
import asyncio
import random
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx2
import sqlalchemy as sa

from bench import requests
from bench.doors import Door, doors
from bench.queries import READS, WRITES
from bench.report import report, report_doors
from bench.requests import Shop
from bench.running import Running, started
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate, seed
from db.maintenance.sample_data import Sample
from graph.global_ids import GlobalId
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
    """Reads show the newest rows, so they are compared and measured before anything is written."""
    for cases in (READS, WRITES):
        await same_answers(servers, shop, cases)
        for turn in range(turns):
            for case in cases:
                await take_turns(servers, case, shop, turn)


async def take_turns(servers: Sequence[Running], case: str, shop: Shop, turn: int, count: int = 0) -> None:
    able = [server for server in servers if server.knows(case)]
    for server in random.sample(able, len(able)):
        await server.turn(requests.turn(case, shop, turn, count))


async def same_answers(servers: Iterable[Running], shop: Shop, cases: Iterable[str]) -> None:
    """A server with another response is not measured."""
    for case in cases:
        able = [server for server in servers if server.knows(case)]
        answers = [await server.ask(requests.turn(case, shop, 0, count=1)[0]) for server in able]
        different = [server.name for server, each in zip(able, answers, strict=True) if each != answers[0]]
        if different:
            raise SystemExit(f"{case}: {', '.join(different)} answers differently")


def start(stack: ExitStack, door: Door, driver: str, url: str) -> Running:
    base = stack.enter_context(started(door.server, using(driver, url), door.settings))
    # The others do not compress.
    headers = {"accept-encoding": "identity", **door.headers}
    client = httpx2.AsyncClient(base_url=base, timeout=60, headers=headers)
    return Running(door.name, driver, client, door.document_id)


def using(driver: str, url: str) -> str:
    return url.replace("tidb://", f"mysql+{driver}://")


async def run(url: str, turns: int) -> None:
    """The servers with each other; then the doors of one, for which the smallest request is enough."""
    shop = await prepare(url)
    with ExitStack() as stack:
        servers = [start(stack, Door(name, name), driver, url) for driver in DRIVERS for name in NAMES]
        await measure(servers, shop, turns)
    report(servers)
    with TemporaryDirectory() as folder, ExitStack() as stack:
        servers = [start(stack, door, DRIVERS[0], url) for door in await doors(url, Path(folder))]
        await same_answers(servers, shop, ["point"])
        # What they differ by is little: only many short turns tell it from the machine's moods.
        for turn in range(turns * 20):
            await take_turns(servers, "point", shop, turn, count=32)
    report_doors(servers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="how often each server takes its turn")
    turns = parser.parse_args().turns
    with TidbServer() as tidb:
        asyncio.run(run(tidb.url("bench"), turns))


if __name__ == "__main__":
    main()
