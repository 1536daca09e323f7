"""What was measured, as a table: a server's CPU, and its median ratio to the others of its driver."""

import statistics
from collections.abc import Sequence

from bench.queries import CASES
from bench.running import Running


def report(servers: Sequence[Running]) -> None:
    print(f"{'':28}{'CPU/request':>12}{'x by hand':>11}{'x plain':>9}{'statements':>12}{'rows':>7}")
    for case in CASES:
        for server in (each for each in servers if each.knows(case)):
            label = f"{case:8}{server.name:11}{server.driver}"
            hand, plain = (ratio(server, name, servers, case) for name in ("by hand", "plain"))
            print(
                f"{label:28}{statistics.median(server.cpu[case]):>9.0f} us{hand:>11}{plain:>9}"
                f"{server.statements[case]:>12.1f}{server.rows[case]:>7.0f}"
            )
    print("plain does not write: it would be without keys, history and batches.")


def report_doors(servers: Sequence[Running]) -> None:
    """Each against the defaults, within each turn."""
    print(f"\n{'point, asyncmy':28}{'CPU/request':>12}{'x defaults':>12}")
    for server in servers:
        times = ratio(server, "defaults", servers, "point", 3)
        print(f"{server.name:28}{statistics.median(server.cpu['point']):>9.0f} us{times:>12}")


def ratio(server: Running, name: str, servers: Sequence[Running], case: str, places: int = 2) -> str:
    """To the server of that name, within each turn; a dash where it was not measured."""
    (other,) = (each for each in servers if (each.name, each.driver) == (name, server.driver))
    if not other.knows(case):
        return "-"
    turns = zip(server.cpu[case], other.cpu[case], strict=True)
    return f"{statistics.median(mine / theirs for mine, theirs in turns):.{places}f}"
