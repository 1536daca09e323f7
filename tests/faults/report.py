"""What a proof has counted, in one line for people, and all these lines at the end of a run."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.faults.client import Client
from tests.faults.ledger import Audit


def of_clients(clients: Sequence[Client], audit: Audit, *others: str) -> str:
    """Mutations, what was lost and doubled, why they were sent and run again, and `others`."""
    mutations = sum(len(client.acknowledged) for client in clients)
    again = sum((client.again for client in clients), Counter[str]())
    reruns = sum((client.reruns for client in clients), Counter[str]())
    found = f"{len(audit.lost)} lost, {len(audit.doubled)} doubled, {len(audit.wrong)} wrong"
    told = [f"{mutations} mutations, {found}", f"sent again: {listed(again)}", f"re-runs: {listed(reruns)}"]
    return "; ".join([*told, *others])


def listed(counts: Counter[str]) -> str:
    """Of each name how often, and all together."""
    several = ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))
    return f"{counts.total()} ({several})" if counts else "0"


def write(terminalreporter: Any) -> None:
    """The figures of all tests that have some, as they were recorded with each."""
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    told = [(each.nodeid, dict(each.user_properties)) for each in reports if each.when == "call"]
    lines = [
        f"{name.rpartition('::')[2]}: {properties['figures']}."
        for name, properties in told
        if "figures" in properties
    ]
    if lines:
        terminalreporter.section("Figures")
    for line in lines:
        terminalreporter.line(line)
