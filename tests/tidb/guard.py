"""Runs a command for a parent process, and kills it as soon as that parent is gone.

Called as `guard.py COMMAND…`. Its standard input is a pipe that nobody writes to: the pipe's end
is the parent's end, however it came. It prints the command's process id, and then a line each time
that the command was stopped by a signal.
"""

import os
import signal
import subprocess
import sys
import threading
from types import FrameType


def main() -> int:
    """Start the command, and end with it."""
    process = subprocess.Popen(
        sys.argv[1:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    print(process.pid, flush=True)

    def kill(_signal: int, _frame: FrameType | None) -> None:
        os.kill(process.pid, signal.SIGKILL)

    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, kill)
    threading.Thread(target=_kill_at_end_of_input, args=(process.pid,), daemon=True).start()
    process.returncode = _wait(process.pid)
    return abs(process.returncode)


def _kill_at_end_of_input(pid: int) -> None:
    # Not through sys.stdin: a thread that holds its lock breaks the interpreter's end.
    while os.read(0, 1):
        pass
    os.kill(pid, signal.SIGKILL)


def _wait(pid: int) -> int:
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        print("stopped", flush=True)


if __name__ == "__main__":
    sys.exit(main())
