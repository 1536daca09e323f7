"""A served process does not grow with ever new texts, whether they are accepted or refused."""

import os
from pathlib import Path

import httpx2
import pytest

from tests.faults.proof_size import FULL
from tests.processes import Spawn

TEXT = 300_000
CUSTOMERS = "query ($s: String) {{ customers(first: 1, {}) {{ nodes {{ id }} }} }}"
REQUESTS = {
    "filter": (CUSTOMERS.format("where: {name: {eq: $s}}"), True),
    "list": (CUSTOMERS.format("where: {name: {notIn: [$s]}}"), True),
    "search": (CUSTOMERS.format("search: $s"), True),
    "literal": (CUSTOMERS.format('where: {name: {eq: "%s"}}').replace("query ($s: String) ", ""), False),
    "invalid": ('{ customers(nothing: "%s") { nodes { id } } }', False),
    "unreadable": ('{ customers(first: "%s" ', False),
}


def resident(process_id: int) -> int:
    """The bytes of memory that a process has."""
    pages = int(Path(f"/proc/{process_id}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def send(client: httpx2.Client, url: str, count: int, start: int) -> None:
    for number in range(start, start + count):
        for query, by_variable in REQUESTS.values():
            text = f"{number}-" + "x" * TEXT
            body = {"query": query, "variables": {"s": text}} if by_variable else {"query": query % text}
            client.post(f"{url}/graphql", json=body)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
@pytest.mark.proof
def test_ever_new_texts_take_no_memory(spawn: Spawn) -> None:
    """Six kinds of requests with 300 kB of text that nobody has sent before, 3,000 in all at full size."""
    count = 500 if FULL else 30
    spawn.run("migrate")
    serving = spawn.serve()
    with httpx2.Client(verify=False, timeout=60) as client:
        send(client, serving.url, 5, 0)
        before = resident(serving.process.pid)
        send(client, serving.url, count, 5)
        grown = resident(serving.process.pid) - before

    assert grown < (150_000_000 if FULL else 60_000_000)
