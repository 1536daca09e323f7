"""What a process is started with besides settings: signals and standard streams, in whatever state."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests import fork_server
from tests.processes import COMMAND, START_SECONDS, Spawn, environment, wait_until

FULL = Path("/dev/full")
CLOSED = 'exec "$@" <&- >&- 2>&-'

needs_full = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        number: int = free.getsockname()[1]
        return number


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A database that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(START_SECONDS)
        yield silent


def answers(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/livez", verify=False).status_code == 200
    except httpx2.TransportError:
        return False


def ended_while_waiting(
    command: str, sent: signal.Signals, silent: socket.socket, spawn: Spawn
) -> tuple[int, str]:
    """The exit code and output of a command that gets a signal while it waits for its database."""
    url = f"tidb://shop:s3cret@127.0.0.1:{silent.getsockname()[1]}/shop"
    running = spawn.start(command, database_url=url)
    connection, _ = silent.accept()
    with connection:
        return running.stop(sent), running.output


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_ctrl_c_ends_a_command_that_waits(command: str, silent: socket.socket, spawn: Spawn) -> None:
    """With the exit code that shells expect."""
    ended = ended_while_waiting(command, signal.SIGINT, silent, spawn)

    assert (130, "tidegraph: interrupted\n") == ended


@pytest.mark.parametrize("command", ["migrate", "serve"])
def test_sigterm_ends_a_command_that_waits(command: str, silent: socket.socket, spawn: Spawn) -> None:
    """It is handled, because the kernel ignores unhandled signals to process 1 of a container."""
    assert (143, "") == ended_while_waiting(command, signal.SIGTERM, silent, spawn)


def become_ignoring(*arguments: object) -> None:
    """Be a process whose parent ignores and blocks signals, as nohup and a script's background jobs do."""
    for number in fork_server.RESET:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, fork_server.RESET)
    fork_server.become(*arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_tests_reset_the_signals_of_their_processes(
    sent: signal.Signals, code: int, silent: socket.socket, spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the suite also passes as `nohup make test &`."""
    monkeypatch.setattr(fork_server, "become", become_ignoring)

    assert code == ended_while_waiting("migrate", sent, silent, spawn)[0]


@needs_full
def test_output_that_cannot_be_written_is_one_line(spawn: Spawn, tmp_path: Path) -> None:
    """The exit code keeps a script from going on with half of a schema."""
    error = tmp_path / "error"
    code = spawn.fork(("schema",), {}, FULL, error).wait(START_SECONDS)

    assert (1, "tidegraph: [Errno 28] No space left on device\n") == (code, error.read_text())


def test_a_reader_that_stops_is_no_error(spawn: Spawn) -> None:
    """As in `tidegraph schema | head`."""
    with subprocess.Popen(
        [*COMMAND, "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment({}),
        cwd=spawn.folder,
    ) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        error = process.stderr.read()

    assert (1, b"") == (process.returncode, error)


@needs_full
@pytest.mark.parametrize("env", ["development", "production"])
def test_serving_does_not_depend_on_its_log(env: str, port: int, spawn: Spawn, migrated_sqlite: Path) -> None:
    """A full disk, or a log collector that has ended, fails neither the start nor a request nor the end."""
    shutil.copy(migrated_sqlite, spawn.folder / "tidegraph.db")
    settings = {"env": env, "shutdown_delay": "0"}
    process = spawn.fork(("serve", "--seed", "--port", str(port)), settings, FULL, FULL)
    wait_until(lambda: answers(port) or process.poll() is not None)
    (spawn.folder / "tidegraph.db").write_bytes(b"no database" * 1000)
    failed = httpx2.get(f"http://127.0.0.1:{port}/graphql?query={{orders{{nodes{{id}}}}}}", verify=False)
    process.send_signal(signal.SIGTERM)

    assert "errors" in failed.json()
    assert 0 == process.wait(START_SECONDS)


@pytest.mark.skipif(sys.platform != "linux", reason="it looks into /proc")
def test_closed_streams_are_not_given_to_sockets_and_files(port: int, spawn: Spawn) -> None:
    """Otherwise a line of the log ends up in a client's response, or in the database."""
    command = ["sh", "-c", CLOSED, "sh", *COMMAND, "serve", "--port", str(port)]
    with subprocess.Popen(command, cwd=spawn.folder, env=environment({"shutdown_delay": "0"})) as process:
        wait_until(lambda: answers(port) or process.poll() is not None)
        opened = [str(Path(f"/proc/{process.pid}/fd/{number}").readlink()) for number in range(3)]
        process.terminate()

    assert (["/dev/null"] * 3, 0) == (opened, process.returncode)
