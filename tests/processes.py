"""Real `tidegraph` processes: started with settings, read while they run, and always ended."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from tests.fork_server import Fork

# A new process; `Spawn` takes copies of one that is there, which do the same in a tenth of the time.
COMMAND = [sys.executable, "-c", "from graph.cli.commands import main; main()"]
START_SECONDS = 30


def wait_until(true: Callable[[], object], seconds: float = START_SECONDS) -> None:
    """Ask again and again until it is so; fail when it is not so within `seconds`."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, f"not so within {seconds:g} seconds"
        time.sleep(0.02)


class Running:
    """A process whose output goes to a file, standard error too."""

    def __init__(self, process: Fork, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def output(self) -> str:
        """Everything that it printed up to now."""
        return self._log.read_text()

    def wait_for(self, pattern: str, seconds: float = START_SECONDS) -> "re.Match[str]":
        """Wait until its output matches; fails with the output if it ends or takes longer."""
        until = time.monotonic() + seconds
        ended = False
        while not (found := re.search(pattern, self.output)):
            if ended or time.monotonic() > until:
                raise AssertionError(f"{pattern!r} did not appear:\n{self.output}")
            # It is read once more after its end, for what it said last.
            ended = self.process.poll() is not None
            time.sleep(0.02)
        return found

    def stop(self, sent: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """Send a signal and wait; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(sent)
        return self.process.wait(seconds)


class Serving(Running):
    """A `tidegraph serve` that answers at `url`."""

    def __init__(self, process: Fork, log: Path) -> None:
        super().__init__(process, log)
        self.url = self.wait_for(r'(http://[^\s"]+)/graphql').group(1)

    def post(self, query: str, **variables: Any) -> dict[str, Any]:
        body = {"query": query, "variables": variables}
        # Without `verify` each call would read all the certificates of the system.
        answer = httpx2.post(f"{self.url}/graphql", json=body, timeout=30, verify=False)
        result: dict[str, Any] = answer.json()
        return result

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=30, verify=False)


class Spawn:
    """Starts processes in a folder of their own, with no setting but those that are given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Fork] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()

    def run(self, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end; settings by their names without the prefix, as `env="production"`."""
        with tempfile.TemporaryDirectory() as outside:
            out, err = Path(outside, "out"), Path(outside, "err")
            process = self.fork(arguments, settings, out, err)
            code = process.wait(120)
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())

    def start(self, *arguments: str, **settings: str) -> Running:
        """Start a command."""
        return Running(*self._start(arguments, settings))

    def serve(self, *arguments: str, **settings: str) -> Serving:
        """Start `tidegraph serve` on a free port and wait until it answers; it ends without a delay."""
        settings = {"shutdown_delay": "0", **settings}
        return Serving(*self._start(("serve", "--port", "0", *arguments), settings))

    def _start(self, arguments: tuple[str, ...], settings: dict[str, str]) -> tuple[Fork, Path]:
        log = self.folder / f"{len(self._started)}.log"
        return self.fork(arguments, settings, log, log), log

    def fork(self, arguments: tuple[str, ...], settings: dict[str, str], out: Path, err: Path) -> Fork:
        """Start a command with files for its output, which may also be devices."""
        process = Fork(arguments, self.folder, environment(settings), out, err)
        self._started.append(process)
        return process


def environment(settings: dict[str, str]) -> dict[str, str]:
    """This process's, without its settings and with those that are given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TIDEGRAPH_")}
    return kept | {f"TIDEGRAPH_{name.upper()}": value for name, value in settings.items()}
