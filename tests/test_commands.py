"""The command line as an operator meets it: help, exit codes, and errors of one line."""

import asyncio
import subprocess
import sys
from errno import ECONNREFUSED
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

import pytest

from graph.http.server import ListenError, bind
from tests.conftest import KINDS
from tests.processes import Spawn
from tests.shared_tidb import SharedTidb, execute

COMMANDS = ["serve", "migrate", "seed", "schema", "check", "keys"]
OF_KEYS = ["create", "list", "revoke"]
CLOSED_PORT = "tidb://shop:s3cret@127.0.0.1:1/shop"
CLOSED_SHOWN = "tidb://shop:***@127.0.0.1:1/shop"
REFUSED = f"the database is not reachable: [Errno {ECONNREFUSED}] Connect call failed ('127.0.0.1', 1)"


def one_error(done: "subprocess.CompletedProcess[str]") -> str:
    """The line that a command failed with; it printed nothing else."""
    assert (1, "") == (done.returncode, done.stdout), done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    "command", [[], *([name] for name in COMMANDS), *(["keys", name] for name in OF_KEYS)], ids=" ".join
)
def test_help_is_plain_and_narrow(command: list[str], spawn: Spawn) -> None:
    """It fits a terminal of 80 columns, and has nothing in it that a pager or a mail would break."""
    done = spawn.run(*command, "--help")

    assert (0, "") == (done.returncode, done.stderr)
    assert [] == [line for line in done.stdout.splitlines() if len(line) > 80]
    assert done.stdout.isascii()


def test_help_lists_every_command(spawn: Spawn) -> None:
    """The short sentence of each is whole."""
    listed = spawn.run("--help").stdout.partition("Commands:\n")[2].splitlines()

    assert COMMANDS == [line.split()[0] for line in listed]
    assert all(line.endswith(".") and not line.endswith("...") for line in listed)


def test_help_waits_for_no_library() -> None:
    """Help and version answer without what only a server needs."""
    program = (
        "import sys, graph.cli.commands; print({'sqlalchemy', 'strawberry', 'pydantic'} & {*sys.modules})"
    )

    assert "set()\n" == subprocess.check_output([sys.executable, "-c", program], text=True)


def test_no_command_shows_the_help(spawn: Spawn) -> None:
    """It is the help, but nothing was done."""
    done = spawn.run()

    assert 2 == done.returncode
    assert spawn.run("--help").stdout == done.stdout + done.stderr


def test_version_is_that_of_the_package(spawn: Spawn) -> None:
    """One line, to be quoted in a report."""
    assert f"tidegraph {version('tidegraph')}\n" == spawn.run("--version").stdout


def test_schema_is_what_is_committed(spawn: Spawn) -> None:
    """It needs neither settings nor a database."""
    committed = Path(__file__).parents[1] / "schema.graphql"

    assert committed.read_text() == spawn.run("schema", database_url="nonsense").stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["surf"], "Error: No such command 'surf'."),
        (["serve", "--port", "99999"], "Error: Invalid value for '--port': "),
        (["seed", "--orders", "-1"], "Error: Invalid value for '--orders': "),
        (["seed", "--order", "1"], "Error: No such option: --order "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistyped_command_is_explained(arguments: list[str], reason: str, spawn: Spawn) -> None:
    """With exit code 2, and the way to the help."""
    done = spawn.run(*arguments)

    assert (2, "") == (done.returncode, done.stdout)
    assert "-h' for help.\n" in done.stderr
    assert done.stderr.splitlines()[-1].startswith(reason)


def test_a_bad_setting_is_one_line(spawn: Spawn) -> None:
    """It comes before anything is done."""
    done = spawn.run("serve", pool_size="none")

    assert "tidegraph: TIDEGRAPH_POOL_SIZE must be a valid integer." == one_error(done)
    assert [] == list(spawn.folder.iterdir())


def test_an_unknown_setting_in_the_file_is_one_line(spawn: Spawn) -> None:
    """`.env` is read from the working directory."""
    (spawn.folder / ".env").write_text("TIDEGRAPH_POOLSIZE=5\n")

    assert one_error(spawn.run("check")).startswith("tidegraph: TIDEGRAPH_POOLSIZE in .env is not a setting.")


def test_an_unreachable_database_is_one_line(spawn: Spawn) -> None:
    """It names the database, without its password."""
    done = spawn.run("seed", database_url=CLOSED_PORT)

    assert f"tidegraph: {CLOSED_SHOWN}: {REFUSED}" == one_error(done)


def test_a_folder_is_no_database(spawn: Spawn) -> None:
    """SQLite's own word for it, with the file's name."""
    url = f"sqlite:///{spawn.folder}"
    done = spawn.run("migrate", database_url=url)

    assert 1 == done.returncode
    assert f"tidegraph: {url}: unable to open database file" in done.stderr.splitlines()


def test_check_says_what_is_wrong(spawn: Spawn) -> None:
    """On standard output, for it was asked; the exit code is for scripts."""
    done = spawn.run("check", database_url=CLOSED_PORT)

    assert (1, "") == (done.returncode, done.stderr)
    assert [
        "settings    ok (production)",
        f"database    {CLOSED_SHOWN}",
        f"reachable   no: {REFUSED}",
    ] == done.stdout.splitlines()


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
def test_check_says_that_all_is_well(database_url: str, spawn: Spawn) -> None:
    """With exit code 0."""
    done = spawn.run("check", database_url=database_url, env="development")
    settings, _database, reachable, schema, *access = done.stdout.splitlines()

    assert (0, "") == (done.returncode, done.stderr)
    assert "settings    ok (development)" == settings
    assert reachable.startswith("reachable   yes, ")
    assert "schema      current" == schema
    assert all(line.endswith(" ok") for line in access)


@pytest.mark.tidb
def test_serve_refuses_an_old_schema(tidb: SharedTidb, spawn: Spawn) -> None:
    """It names the command that mends it."""
    name = f"old_{uuid4().hex[:8]}"
    asyncio.run(execute(tidb.url(), f"CREATE DATABASE {name}"))
    done = spawn.run("serve", database_url=tidb.url(name))
    asyncio.run(execute(tidb.url(), f"DROP DATABASE {name}"))

    reason = "has no schema yet: run `tidegraph migrate`, or serve --migrate"
    assert f"tidegraph: {tidb.url(name)} {reason}" == one_error(done)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com", ""])
def test_beyond_loopback_it_does_not_listen(host: str) -> None:
    """A name may lead anywhere, so only localhost passes for this machine's."""
    with pytest.raises(ListenError) as caught:
        bind(host, 0, loopback_only=True)

    reason = "is not a loopback address: set TIDEGRAPH_AUTH, or use --insecure"
    assert f"{host!r} {reason}" == str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
def test_on_loopback_it_listens(host: str) -> None:
    """Every address that only this machine reaches will do."""
    with bind(host, 0, loopback_only=True) as listener:
        assert listener.getsockname()[1] > 0


def test_an_address_of_another_machine_is_refused() -> None:
    """The system's own word for it."""
    with pytest.raises(ListenError) as caught:
        bind("192.0.2.1", 8000, loopback_only=False)

    assert "cannot listen on 192.0.2.1:8000: Cannot assign requested address" == str(caught.value)


def test_beyond_loopback_is_said_at_the_command_line(spawn: Spawn) -> None:
    """Nobody opens it to the world by accident."""
    assert one_error(spawn.run("serve", "--host", "0.0.0.0")).endswith("use --insecure")


def test_beyond_loopback_it_listens_when_told(spawn: Spawn) -> None:
    """With a loud line."""
    serving = spawn.serve("--host", "0.0.0.0", "--insecure")
    first = serving.output.splitlines()[0]

    assert '"INSECURE: anyone who can reach this server can read and change everything"' in first
    assert '"level": "warning"' in first


def test_beyond_loopback_it_listens_with_authentication(spawn: Spawn) -> None:
    """Without a word of warning, for nobody gets in without a key; not even with --insecure."""
    for options in ([], ["--insecure"]):
        serving = spawn.serve("--host", "0.0.0.0", *options, auth="keys")
        answer = serving.post("{ customers { nodes { id } } }")

        assert "INSECURE" not in serving.output
        assert "UNAUTHENTICATED" == answer["errors"][0]["extensions"]["code"]
