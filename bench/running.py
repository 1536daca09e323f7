"""The servers of the benchmark: started, asked, and what their requests cost them."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2

from bench.queries import CASES, READS
from bench.requests import Request

AT_ONCE = 8
START_SECONDS = 30


@dataclass
class Running:
    """A server, and what its requests cost, turn by turn."""

    name: str
    driver: str
    client: httpx2.AsyncClient
    # Sent in the query's place.
    document_id: str | None = None
    cpu: dict[str, list[float]] = field(default_factory=lambda: {case: [] for case in CASES})
    statements: dict[str, float] = field(default_factory=dict)
    rows: dict[str, float] = field(default_factory=dict)

    def knows(self, case: str) -> bool:
        """Whether it can be measured: nobody's first sketch has keys and histories."""
        return case in READS or self.name != "plain"

    async def meter(self) -> dict[str, float]:
        used: dict[str, float] = (await self.client.get("/meter")).json()
        return used

    async def ask(self, request: Request) -> Any:
        """The answer, with the request's own key blanked out."""
        response = await self.client.post("/graphql", json=request.body(self.document_id))
        return response.text.replace(request.key, "KEY") if response.is_success else response.status_code

    async def turn(self, requests: Sequence[Request]) -> None:
        before = await self.meter()
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(request: Request) -> None:
            async with gate:
                await self.ask(request)

        await asyncio.gather(*map(one, requests))
        after, count, case = await self.meter(), len(requests), requests[0].case
        self.cpu[case].append((after["cpu"] - before["cpu"]) / count * 1e6)
        self.statements[case] = (after["statements"] - before["statements"]) / count
        self.rows[case] = (after["rows"] - before["rows"]) / count


@contextmanager
def started(name: str, url: str, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server in a process of its own; its address."""
    environment = os.environ | {
        f"TIDEGRAPH_{name.upper()}": value for name, value in (settings or {}).items()
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    process = subprocess.Popen([sys.executable, "-m", "bench.serve", name, url, port], env=environment)
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
