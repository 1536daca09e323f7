"""`make bench`: server CPU, statements and rows for each request, as ratios within one run.

All servers are up at once and take turns in random order, each turn the same requests; a ratio is taken
within a turn, and its median over the turns is shown. The machine's speed drifts, the ratios do not.
"""

import argparse
import asyncio
import random
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import sqlalchemy as sa

from bench.queries import CASES
from db import migrate, seed
from db.database import Database
from db.sample import Sample
from db.urls import DatabaseUrl
from tests.tidb.server import TidbServer

DRIVERS = ("asyncmy", "aiomysql")
NAMES = ("tidegraph", "by hand", "plain")
REQUESTS = {"nested": 40, "point": 160, "list": 80}
AT_ONCE = 8
START_SECONDS = 30


@dataclass
class Running:
    """A server of the benchmark, and what its requests cost, turn by turn."""

    name: str
    driver: str
    client: httpx2.AsyncClient
    cpu: dict[str, list[float]] = field(default_factory=lambda: {case: [] for case in CASES})
    statements: dict[str, float] = field(default_factory=dict)
    rows: dict[str, float] = field(default_factory=dict)

    async def meter(self) -> dict[str, float]:
        used: dict[str, float] = (await self.client.get("/meter")).json()
        return used

    async def ask(self, case: str, order_id: str) -> Any:
        body = {"query": CASES[case], "variables": {"id": order_id} if case == "point" else {}}
        return (await self.client.post("/graphql", json=body)).json()

    async def turn(self, case: str, order_ids: list[str]) -> None:
        before = await self.meter()
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(order_id: str) -> None:
            async with gate:
                await self.ask(case, order_id)

        await asyncio.gather(*(one(each) for each in order_ids))
        after, count = await self.meter(), len(order_ids)
        self.cpu[case].append((after["cpu"] - before["cpu"]) / count * 1e6)
        self.statements[case] = (after["statements"] - before["statements"]) / count
        self.rows[case] = (after["rows"] - before["rows"]) / count


async def prepare(url: str) -> list[str]:
    """Fill a database as the README's sample is, twice as many orders; some orders' ids."""
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database)
        await seed.fill(database, Sample(1), customer_count=1_000, orders_each=20, progress=lambda _: None)
        async with database.reads.connect() as connection:
            for table in ("customers", "orders"):
                await connection.execute(sa.text(f"ANALYZE TABLE {table}"))
        client = database.reader()
        rows = await client.fetch(sa.text("SELECT id FROM orders LIMIT 1000"))
    from graph.ids import GlobalId

    return [GlobalId("Order", row[0]).encode() for row in rows]


@contextmanager
def started(name: str, url: str) -> Iterator[str]:
    """A server in a process of its own; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "bench.serve", name, url, port])
    try:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                httpx2.get(f"http://127.0.0.1:{port}/meter")
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


async def measure(servers: list[Running], order_ids: list[str], turns: int) -> None:
    await same_answers(servers, order_ids[0])
    for turn in range(turns):
        for case, requests in REQUESTS.items():
            chosen = random.Random(turn).sample(order_ids, requests)
            for server in random.sample(servers, len(servers)):
                await server.turn(case, chosen)


async def same_answers(servers: list[Running], order_id: str) -> None:
    """Whoever answers something else is not measured."""
    for case in CASES:
        answers = [await server.ask(case, order_id) for server in servers]
        different = [server.name for server, each in zip(servers, answers, strict=True) if each != answers[0]]
        if different:
            raise SystemExit(f"{case}: {', '.join(different)} answers differently")


def report(servers: list[Running]) -> None:
    by_place = {(server.name, server.driver): server for server in servers}
    print(f"{'':28}{'CPU/request':>12}{'x by hand':>11}{'x plain':>9}{'statements':>12}{'rows':>7}")
    for case in CASES:
        for server in servers:
            cpu = server.cpu[case]
            hand, plain = (
                statistics.median(
                    mine / theirs
                    for mine, theirs in zip(cpu, by_place[name, server.driver].cpu[case], strict=True)
                )
                for name in ("by hand", "plain")
            )
            label = f"{case:8}{server.name:11}{server.driver}"
            print(
                f"{label:28}{statistics.median(cpu):>9.0f} us{hand:>11.2f}{plain:>9.2f}"
                f"{server.statements[case]:>12.1f}{server.rows[case]:>7.0f}"
            )


async def run(tidb: TidbServer, turns: int) -> None:
    order_ids = await prepare(tidb.url("bench"))
    with ExitStack() as stack:
        servers = []
        for driver in DRIVERS:
            for name in NAMES:
                address = tidb.url("bench").replace("tidb://", f"mysql+{driver}://")
                client = httpx2.AsyncClient(base_url=stack.enter_context(started(name, address)), timeout=60)
                servers.append(Running(name, driver, client))
        await measure(servers, order_ids, turns)
    report(servers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=10, help="how often each server takes its turn")
    turns = parser.parse_args().turns
    with TidbServer() as tidb:
        asyncio.run(run(tidb, turns))


if __name__ == "__main__":
    main()
