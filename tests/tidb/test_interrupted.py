"""A TiDB does not outlive the tests that started it, however they end."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.fork_server import reset_signals
from tests.processes import environment, wait_until

ROOT = Path(__file__).parents[2]
WAITING = """
import signal
from pathlib import Path

import pytest

from tests.conftest import SHARED

@pytest.mark.tidb
def test_that_waits(request):
    server = request.config.stash[SHARED]._server
    Path("{started}").write_text(str(server.pid))
    signal.pause()
"""


def is_running(pid: int) -> bool:
    """Whether the process is there and is a TiDB; its number may be another's by now."""
    try:
        return b"tidb-server" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


@pytest.mark.tidb
@pytest.mark.usefixtures("own_tidb")
@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGKILL])
def test_the_server_ends_with_the_tests(sent: signal.Signals, tmp_path: Path) -> None:
    """By Ctrl-C, and when they are killed and cannot tidy up."""
    started, suite = tmp_path / "pid", tmp_path / "test_waiting.py"
    suite.write_text(WAITING.format(started=started))
    command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-c", "pyproject.toml", str(suite)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment({}),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=reset_signals,
    )
    try:
        wait_until(lambda: (started.exists() and started.read_text()) or process.poll() is not None, 60)
        pid = int(started.read_text())
        was_running = is_running(pid)
        os.kill(process.pid, sent)
        process.wait(30)
        wait_until(lambda: not is_running(pid))
    finally:
        process.kill()
        process.wait()

    assert was_running
    assert {signal.SIGINT: 2}.get(sent, -sent) == process.returncode
