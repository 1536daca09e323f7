"""A real TiDB on this machine, in one process, that a test can kill, pause and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from tests.tidb import build, template

HOST = "127.0.0.1"
START_SECONDS = 60.0
# Below the ports that systems give to outgoing connections, so that a restart finds its own free.
PORTS = range(20_000, 32_000)
# The embedded store keeps the locks of a commit under way in memory alone: SIGKILL loses what is committed
# behind the client's back. With this a transaction is on disk as a whole when its COMMIT is answered.
DURABLE = """\
# One region, whose keys are committed together; else each table is one, and the others follow the first.
split-table = false
[tikv-client.async-commit]
keys-limit = 0
"""
GUARD = Path(__file__).with_name("guard.py")


class TidbServerError(Exception):
    """The server is not there, or did not start; the message ends with its log's last lines."""


class TidbServer:
    """A tidb-server with its own ports and data, which does not outlive this process.

    The data lie in `directory`, or in one that leaving the context removes. `config` is what a
    configuration file of TiDB would say, in TOML.
    """

    def __init__(self, directory: Path | None = None, *, config: str = "") -> None:
        binary = build.binary()
        if binary is None:
            raise TidbServerError("there is no tidb-server on this machine: run `make tidb`")
        self._binary = binary
        self._own = TemporaryDirectory(prefix="tidegraph-tidb-") if directory is None else None
        self.directory = Path(self._own.name) if self._own else Path(directory or ".").resolve()
        self._data, self._temp = self.directory / "data", self.directory / "temp"
        self._config = config
        self.port, self.status_port = islice(_free_ports(), 2)
        self.pid = 0
        self._paused = False
        self._guard: subprocess.Popen[bytes] | None = None

    def url(self, database: str = "") -> str:
        """Return the address of `database` on this server, as the settings take it."""
        return f"tidb://root@{HOST}:{self.port}/{database}"

    def start(self) -> None:
        """Start and wait until it answers; after `kill` or `stop`, on the same ports and data.

        Raises TidbServerError.
        """
        if self._guard is not None:
            return
        if not self._data.exists() and not template.copy_to(self._data):
            self._launch()
            self.stop()
            template.keep(self._data)
        self._launch()

    def kill(self) -> None:
        """End it at once, by SIGKILL: open transactions are lost; with DURABLE committed ones are not."""
        self._signal(signal.SIGKILL)
        self._forget()

    def stop(self, seconds: float = 20.0) -> None:
        """End it by SIGTERM, and by SIGKILL if it is still there after `seconds`.

        TiDB itself gives open transactions 15 seconds.
        """
        self._signal(signal.SIGTERM)
        self.resume()
        try:
            if self._guard is not None:
                self._guard.wait(seconds)
        except subprocess.TimeoutExpired:
            self._signal(signal.SIGKILL)
        self._forget()

    def pause(self) -> None:
        """Freeze it: its connections stay open, and nothing is answered until `resume`."""
        if self._paused or self._guard is None or self._guard.stdout is None:
            return
        self._paused = True
        self._signal(signal.SIGSTOP)
        # A signal takes a moment to arrive; the guard says when all threads stand still.
        self._guard.stdout.readline()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._paused = False
        self._signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()
        if self._own is not None:
            self._own.cleanup()

    def _launch(self) -> None:
        self._temp.mkdir(parents=True, exist_ok=True)
        (self.directory / "tidb.toml").write_text(self._config)
        with (self.directory / "tidb.log").open("ab") as log:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", GUARD, *self._command()],
                cwd=self.directory,
                env={**os.environ, "TMPDIR": str(self._temp)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_for_answer(self._guard)
        except BaseException:
            self.kill()
            raise

    def _command(self) -> list[str]:
        return [
            str(self._binary),
            f"--config={self.directory / 'tidb.toml'}",
            "-L=error",
            "--store=unistore",
            f"--path={self._data}",
            f"--temp-dir={self._temp}",
            f"--host={HOST}",
            f"-P={self.port}",
            f"--status-host={HOST}",
            f"--status={self.status_port}",
            "--socket=",
        ]

    def _wait_for_answer(self, guard: subprocess.Popen[bytes]) -> None:
        assert guard.stdout is not None
        self.pid = int(guard.stdout.readline() or 0)
        deadline = time.monotonic() + START_SECONDS
        while not _answers(self.port):
            if guard.poll() is not None:
                raise TidbServerError(f"tidb-server ended at its start:\n{self._log_tail()}")
            if time.monotonic() > deadline:
                raise TidbServerError(f"tidb-server does not answer:\n{self._log_tail()}")
            time.sleep(0.02)

    def _log_tail(self) -> str:
        lines = (self.directory / "tidb.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])

    def _signal(self, number: signal.Signals) -> None:
        # The guard lives as long as the server, so that until it ends the process id is ours.
        if self._guard is not None and self.pid and self._guard.poll() is None:
            os.kill(self.pid, number)

    def _forget(self) -> None:
        guard, self._guard, self._paused, self.pid = self._guard, None, False, 0
        if guard is not None:
            guard.communicate()


def _free_ports() -> Iterator[int]:
    # Not by the seed that a test may have set: two workers with one seed would meet.
    for port in SystemRandom().sample(PORTS, len(PORTS)):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind((HOST, port))
            except OSError:
                continue
            yield port


def _answers(port: int) -> bool:
    """Whether a MySQL server greets: after four bytes of header, its protocol version, 10."""
    try:
        with socket.create_connection((HOST, port), timeout=5) as connection:
            return connection.recv(5)[4:] == b"\x0a"
    except OSError:
        return False
