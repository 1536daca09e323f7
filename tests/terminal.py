"""A terminal with a command in it, as somebody sits before it: what it shows, and Ctrl-C."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.fork_server import reset_signals
from tests.processes import wait_until

ROWS, COLUMNS = 24, 80
CTRL_C = b"\x03"


def as_a_shell_does() -> None:
    """Ctrl-C reaches the processes whose controlling terminal it is, if they do not ignore it."""
    reset_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    """Runs a command on a terminal of 80 columns, and ends it with the block."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env={**environment, "TERM": "xterm"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=as_a_shell_does,
        )
        os.close(theirs)
        self._shown = bytearray()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    @property
    def output(self) -> str:
        """Everything that was shown up to now, with what moves the cursor and colours the text."""
        return self._shown.decode(errors="replace")

    def wait_for(self, text: str) -> None:
        wait_until(lambda: text in self.output or self.process.poll() is not None)
        assert text in self.output, self.output

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        os.write(self._ours, CTRL_C)

    def wait(self, seconds: float = 30) -> int:
        """Its exit code, once everything that it showed was read."""
        code = self.process.wait(seconds)
        self._reading.join(seconds)
        return code

    def _read(self) -> None:
        while True:
            try:
                self._shown += os.read(self._ours, 65536)
            except OSError:
                # Its other end is closed: nobody is left who could write.
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, 9)
            self.process.wait()
        self._reading.join()
        os.close(self._ours)
