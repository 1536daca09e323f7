"""`make bench-hostile`: what hostile requests to a served process do to its other clients and its memory.

Each case has a fresh `tidegraph serve`, on SQLite and, where it was built, on TiDB. A quiet client polls
`/livez` in a process of its own: its longest wait is the stall. The case runs once, then ten more times.
"""

import argparse
import asyncio
import http.client
import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.hostile_cases import CASES, Shop, Target, prepare
from tests.tidb import build
from tests.tidb.server import TidbServer

MEGABYTE = 1_000_000
# The targets, on a quiet machine: milliseconds, megabytes, bytes.
STALL, PEAK, ADDED, LOG_LINE = 100, 100, 20, 8_192
# A server that grows by this much is killed: the benchmark must not take the machine down.
CEILING = 2_000 * MEGABYTE
REPETITIONS, SETTLING, START_SECONDS = 10, 1.0, 60
SERVE = [sys.executable, "-c", "from graph.cli.commands import main; main()", "serve", "--port", "0"]
WARM_UP = [
    "{ customers(first: 5) { nodes { name orders { nodes { lines { name } } } } } }",
    "{ __schema { types { name } } }",
    'mutation { createCustomer(input: {username: "warm", name: "up", dryRun: true}) { customer { id } } }',
]


@dataclass
class Figures:
    """What one case did: milliseconds, megabytes over the start, and the longest line of the log in bytes.

    `stall_cpu` is the processor time of the server's event loop during a stall: on a busy machine, where a
    stall also has the time of other processes, it shows what the server itself takes.
    """

    case: str
    database: str
    outcomes: dict[str, int]
    stall: float = 0
    stall_cpu: float = 0
    peak: float = 0
    after: float = 0
    added: float = 0
    log_line: int = 0
    died: bool = False
    missed: list[str] = field(default_factory=list)

    def judge(self) -> None:
        found = {
            "died": self.died,
            "stall": self.stall > STALL,
            "peak": self.peak > PEAK,
            "added": self.added >= ADDED,
            "log line": self.log_line > LOG_LINE,
        }
        self.missed = [name for name, missed in found.items() if missed]


@dataclass
class Served:
    """A `tidegraph serve` and its memory, in bytes."""

    process: "subprocess.Popen[bytes]"
    base: str
    log: Path

    def _status(self, name: str) -> int:
        # A process that has ended has no memory.
        with suppress(OSError, AttributeError):
            text = Path(f"/proc/{self.process.pid}/status").read_text()
            return int(re.search(rf"{name}:\s+(\d+) kB", text).group(1)) * 1024  # type: ignore[union-attr]
        return 0

    def rss(self) -> int:
        return self._status("VmRSS")

    def peak(self) -> int:
        """The largest since `forget_peak`."""
        return self._status("VmHWM")

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    @property
    def alive(self) -> bool:
        return self.process.poll() is None


@contextmanager
def served(url: str, folder: Path) -> Iterator[Served]:
    """A server without settings but its database and a log in production's form."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGRAPH_")}
    environment = kept | {"TIDEGRAPH_DATABASE_URL": url, "TIDEGRAPH_SHUTDOWN_DELAY": "0"}
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            SERVE, env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder
        )
    try:
        yield Served(process, _address(process, log), log)
    finally:
        process.kill()
        process.wait()


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    until = time.monotonic() + START_SECONDS
    while not (found := re.search(r'(http://[^\s"]+)/graphql', log.read_text())):
        if process.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.05)
    return found.group(1)


def watch(host: str, port: int, pid: int, ceiling: int, control: Connection) -> None:
    """The quiet client: polls until it is stopped, and reports its longest waits in seconds.

    It also kills the server when that has become larger than `ceiling`.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    longest, longest_cpu, pages = 0.0, 0.0, os.sysconf("SC_PAGE_SIZE")
    connection = http.client.HTTPConnection(host, port, timeout=300)
    while True:
        if control.poll():
            if control.recv() == "end":
                return
            control.send((longest, longest_cpu))
            longest = longest_cpu = 0.0
        begin, cpu = time.perf_counter(), main_thread_cpu(pid)
        try:
            connection.request("GET", "/livez")
            connection.getresponse().read()
            if int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * pages > ceiling:
                os.kill(pid, signal.SIGKILL)
        except (OSError, http.client.HTTPException):
            connection.close()
        longest = max(longest, time.perf_counter() - begin)
        longest_cpu = max(longest_cpu, main_thread_cpu(pid) - cpu)
        time.sleep(0.005)


def main_thread_cpu(pid: int) -> float:
    """Seconds of processor time of the thread that runs the event loop."""
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/task/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


class Quiet:
    """The quiet client's process."""

    def __init__(self, served: Served, target: Target) -> None:
        context = multiprocessing.get_context("spawn")
        self._control, other = context.Pipe()
        arguments = (target.host, target.port, served.process.pid, served.rss() + CEILING, other)
        self._process = context.Process(target=watch, args=arguments, daemon=True)
        self._process.start()
        self.stall()

    def stall(self) -> tuple[float, float]:
        """The longest wait since the last call, and the most processor time in one, in milliseconds."""
        self._control.send("stall")
        longest, cpu = self._control.recv()
        return longest * 1000, cpu * 1000

    def end(self) -> None:
        self._control.send("end")
        self._process.join()


async def measure(name: str, database: str, url: str, shop: Shop, repetitions: int) -> Figures:
    with TemporaryDirectory() as folder, served(url, Path(folder)) as server:
        target = Target(server.base, shop)
        for query in WARM_UP * 3:
            await target.query(query)
        target.outcomes.clear()
        quiet = Quiet(server, target)
        try:
            figures = Figures(name, database, target.outcomes)
            await _run(figures, server, target, quiet, repetitions)
        finally:
            quiet.end()
            await target.client.aclose()
        figures.died = not server.alive
        figures.log_line = max(map(len, server.log.read_bytes().splitlines()), default=0)
    figures.judge()
    return figures


async def _run(figures: Figures, server: Served, target: Target, quiet: Quiet, repetitions: int) -> None:
    await asyncio.sleep(SETTLING)
    quiet.stall()
    start = server.rss()
    server.forget_peak()
    await CASES[figures.case](target)
    figures.outcomes = dict(target.outcomes)
    await asyncio.sleep(SETTLING)
    figures.peak = (server.peak() - start) / MEGABYTE
    figures.stall, figures.stall_cpu = quiet.stall()
    first = server.rss()
    figures.after = (first - start) / MEGABYTE
    for _ in range(repetitions):
        if server.alive:
            await CASES[figures.case](target)
    await asyncio.sleep(SETTLING)
    figures.added = (server.rss() - first) / MEGABYTE if server.alive else 0
    if not server.alive:
        figures.peak = max(figures.peak, CEILING / MEGABYTE)


COLUMNS = (
    "case",
    "database",
    "outcomes",
    "stall ms",
    "of it CPU",
    "peak +MB",
    "after 1 s +MB",
    "ten more +MB",
    "log line",
    "missed",
)


def row(each: Figures) -> str:
    outcomes = ", ".join(f"{count} × {name}" if count > 1 else name for name, count in each.outcomes.items())
    measured = (each.stall, each.stall_cpu, each.peak, each.after, each.added, each.log_line)
    numbers = " | ".join(f"{number:.0f}" for number in measured)
    return f"| {each.case} | {each.database} | {outcomes} | {numbers} | {', '.join(each.missed) or '–'} |"


async def run(urls: Mapping[str, str], names: Sequence[str], repetitions: int) -> list[Figures]:
    found = []
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for database, url in urls.items():
        shop = await prepare(url)
        for name in names:
            found.append(await measure(name, database, url, shop, repetitions))
            print(row(found[-1]), flush=True)
    missed = sum(bool(each.missed) for each in found)
    print(f"\n{len(found)} cases, {missed} missed a target.")
    return found


def databases(only: str | None, stack: ExitStack) -> dict[str, str]:
    """The URLs of empty databases until the stack ends; TiDB is left out where it was not built."""
    found = {}
    if only != "tidb":
        found["SQLite"] = f"sqlite:///{stack.enter_context(TemporaryDirectory())}/hostile.db"
    if only == "tidb" or (only is None and build.binary() is not None):
        found["TiDB"] = stack.enter_context(TidbServer()).url("hostile")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", action="append", choices=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--database", choices=["sqlite", "tidb"], help="on one only")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="how often a case runs again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, too")
    asked = parser.parse_args()
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    with ExitStack() as stack:
        urls = databases(asked.database, stack)
        found = asyncio.run(run(urls, asked.only or list(CASES), asked.repetitions))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(each) for each in found], indent=2))
    return any(each.missed for each in found)


if __name__ == "__main__":
    sys.exit(main())
