"""Processes that start as copies of one that has imported the program: importing is most of their time."""

import multiprocessing
import os
import signal
import subprocess
import sys
from io import FileIO, TextIOWrapper
from pathlib import Path

# What the commands import; the process that is copied does so once, and runs none of it.
IMPORTED = [
    "graph.app",
    "graph.cli.commands",
    "graph.cli.api_key_commands",
    "graph.logs",
    "graph.cli.database_commands",
    "graph.http.server",
]
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([*IMPORTED, "db.maintenance.sample_data", "db.maintenance.seed"])


# Each of them may be ignored by whoever started the tests: nohup ignores SIGHUP, a background job of a script
# SIGINT and SIGQUIT. Processes inherit that.
RESET = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGPIPE, signal.SIGTERM]


def reset_signals() -> None:
    """Handle and block signals in this process as in one that a terminal's shell has started."""
    for number in RESET:
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


class Fork:
    """A `tidegraph` with its own arguments, folder, environment and output, which is used like a Popen."""

    def __init__(
        self, arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path
    ) -> None:
        for path in (out, err):
            path.touch()
        self._process = FORKS.Process(target=become, args=(arguments, folder, environment, out, err))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def poll(self) -> int | None:
        """Its exit code, if it has ended."""
        return self._process.exitcode

    def wait(self, seconds: float | None = None) -> int:
        """Its exit code; raises TimeoutExpired."""
        self._process.join(seconds)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired("tidegraph", seconds or 0)
        return code

    def send_signal(self, sent: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, sent)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def become(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str], out: Path, err: Path
) -> None:
    """Be in the copy what a new process would be, and run the command line to its end."""
    reset_signals()
    # As Python does when it starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["tidegraph", *arguments]
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_APPEND)
        os.dup2(opened, number)
        os.close(opened)
    # The old one may be a terminal's, which is written to line by line.
    sys.stdout = TextIOWrapper(FileIO(1, "w", closefd=False))
    from graph.cli.commands import main

    main()
