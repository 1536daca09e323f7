"""Databases that cannot be used: each command says why, in one line and without the password."""

import re
import socket
from collections.abc import AsyncIterator
from errno import ECONNREFUSED
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from graph.cli import database_commands
from graph.cli.database_commands import CommandError
from tests.conftest import on_tidb
from tests.prepare_database import FEW, failure_of_prepare, prepare, settings_of
from tests.shared_tidb import SharedTidb, execute

CLOSED_PORT = "tidb://shop:s3cret@127.0.0.1:1/shop"
REFUSED = f"the database is not reachable: [Errno {ECONNREFUSED}] Connect call failed ('127.0.0.1', 1)"


async def test_serve_starts_before_its_database() -> None:
    """A TiDB that is still to come only makes it unready, unless there is something to do first."""
    shown = CLOSED_PORT.replace("s3cret", "***")

    assert [f"{shown} does not respond yet; serving, but not ready"] == await prepare(CLOSED_PORT)
    for wanted in ({"migrate": True}, {"seed": FEW}):
        assert f"{shown}: {REFUSED}" == await failure_of_prepare(CLOSED_PORT, **wanted)


async def test_check_of_a_closed_port() -> None:
    """No server is one line, without the password."""
    report = await database_commands.check(settings_of(CLOSED_PORT))

    assert not report.ok
    assert report.lines == [
        "settings    ok (development)",
        "database    tidb://shop:***@127.0.0.1:1/shop",
        f"reachable   no: {REFUSED}",
    ]


async def test_another_file_is_no_database(tmp_path: Path) -> None:
    """And it is left as it is."""
    path = tmp_path / "notes.txt"
    path.write_text("no database\n" * 100)
    url = f"sqlite:///{path}"

    assert f"{url}: file is not a database" == await failure_of_prepare(url, seed=FEW)
    assert "no database\n" * 100 == path.read_text()


@pytest.fixture
async def account(tidb: SharedTidb, database_url: str) -> AsyncIterator[sa.URL]:
    """Of a user who may do nothing, at a migrated database."""
    name = f"nobody_{uuid4().hex[:8]}"
    await execute(tidb.url(), f"CREATE USER {name} IDENTIFIED BY 's3cret'")
    yield sa.make_url(database_url).set(username=name, password="s3cret")
    await execute(tidb.url(), f"DROP USER {name}")


async def failures(url: sa.URL) -> set[str]:
    """How each command fails there."""
    settings = settings_of(url.render_as_string(hide_password=False))
    report = await database_commands.check(settings)
    messages = {report.lines[2].removeprefix("reachable   no: ")}
    for work in (database_commands.migrate(settings), database_commands.seed(settings, FEW)):
        with pytest.raises(CommandError) as caught:
            await work
        messages.add(str(caught.value).removeprefix(f"{settings.redacted_database_url}: "))
    refused = await failure_of_prepare(settings.database_url)
    return {*messages, refused.removeprefix(f"{settings.redacted_database_url}: ")}


@on_tidb
async def test_a_wrong_password_is_refused(account: sa.URL) -> None:
    """By every command: a server would not become ready by waiting."""
    refused = rf"Access denied for user '{account.username}'@'[^']+' \(using password: YES\)"
    (reason,) = await failures(account.set(password="wr0ng"))

    assert re.fullmatch(refused, reason)


@on_tidb
async def test_a_missing_privilege_is_refused(account: sa.URL) -> None:
    """TiDB's own word for it, with the names of user and database."""
    refused = f"Access denied for user '{account.username}'@'%' to database '{account.database}'"

    assert {refused} == await failures(account)


async def test_a_silent_database_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that accepts a connection and says nothing costs a command seconds, no more."""
    monkeypatch.setattr(database_commands, "DATABASE_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = sa.make_url(CLOSED_PORT).set(port=silent.getsockname()[1])
        reason = "no response within 0.2 seconds"
        settings = settings_of(url.render_as_string(hide_password=False))
        shown = settings.redacted_database_url

        assert f"reachable   no: {reason}" == (await database_commands.check(settings)).lines[-1]
        assert f"{shown}: {reason}" == await failure_of_prepare(settings.database_url, migrate=True)
        assert [f"{shown} does not respond yet; serving, but not ready"] == await prepare(
            settings.database_url
        )


@pytest.mark.parametrize("driver", ["asyncmy", "aiomysql"])
@pytest.mark.parametrize(
    ("address", "reason"),
    [("127.0.0.1:1", "Connect call failed"), ("nowhere.invalid:4000", "[Errno ")],
)
async def test_an_address_that_does_not_answer_is_explained(driver: str, address: str, reason: str) -> None:
    """By the system's own word for it, whatever the driver makes of it."""
    url = f"mysql+{driver}://shop:s3cret@{address}/shop"
    report = await database_commands.check(settings_of(url))

    assert report.lines[-1].startswith("reachable   no: the database is not reachable: ")
    assert reason in report.lines[-1]
    assert "s3cret" not in "".join(report.lines)


@on_tidb
async def test_a_server_without_tls_is_explained(database_url: str) -> None:
    """Each driver has its own word for it."""
    report = await database_commands.check(settings_of(f"{database_url}?tls=true"))
    reason = "the server does not support TLS" if "aiomysql" in database_url else "WRONG_VERSION_NUMBER"

    assert reason in report.lines[-1]
    assert [] == [line for line in report.lines if "\n" in line]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("no/such/f.db", "the folder no/such does not exist"),
        (f"{'f' * 300}.db", "File name too long"),
    ],
)
async def test_a_file_without_a_place_is_explained(path: str, reason: str) -> None:
    """By every command, before SQLite only says that it cannot."""
    url = f"sqlite:///{path}"
    report = await database_commands.check(settings_of(url))

    assert (False, f"reachable   no: {reason}") == (report.ok, report.lines[-1])
    assert f"{url}: {reason}" == await failure_of_prepare(url)
    with pytest.raises(CommandError, match=reason):
        await database_commands.migrate(settings_of(url))


@on_tidb
async def test_check_names_the_driver(database_url: str) -> None:
    """`tidb://` takes the fastest that is installed, and nothing else says which that was."""
    report = await database_commands.check(settings_of(database_url))

    assert report.lines[2].endswith(f", by {sa.make_url(database_url).get_driver_name()}")
