"""What migrating, checking and preparing make of a database, in whatever state they find it."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from db import migrate
from db.database import Database
from db.urls import DatabaseUrl
from graph import operations
from graph.notes import Notes
from graph.operations import Failed, Plan
from graph.settings import Settings
from tests.conftest import KINDS, on_tidb
from tests.session import SharedTidb, execute

FEW = Plan(customers=3, orders_each=2)
CLOSED_PORT = "tidb://shop:s3cret@127.0.0.1:1/shop"


@pytest.fixture(params=KINDS[:2])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database that is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.db'}"
        return
    tidb: SharedTidb = request.getfixturevalue("tidb")
    name = f"new_{uuid4().hex[:8]}"
    yield tidb.url(name)
    asyncio.run(execute(tidb.url(), f"DROP DATABASE IF EXISTS {name}"))


def settings_of(url: str) -> Settings:
    return Settings(_env_file=None, env="development", database_url=url)


async def bring_to(url: str, revision: str) -> None:
    """Migrate as far as an older program did, or name a revision of a newer one."""
    known = revision < migrate.head()
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database, revision if known else "head")
    if not known:
        await execute(url, f"UPDATE alembic_version SET version_num = '{revision}'")


async def checked(url: str) -> tuple[bool, list[str]]:
    """Whether all is well, and the lines after those on settings and database."""
    report = await operations.check(settings_of(url))
    return report.ok, report.lines[2:]


async def prepare(url: str, *, migrate: bool = False, seed: Plan | None = None) -> list[str]:
    """Prepare as `serve` does; the warnings."""
    settings = settings_of(url)
    with capture_logs() as logged:
        await operations.prepare(settings, Notes(settings), migrate=migrate, seed=seed)
    return [line["event"] for line in logged if line["log_level"] == "warning"]


async def failure_of_prepare(url: str, **wanted: Any) -> str:
    with pytest.raises(Failed) as caught:
        await prepare(url, **wanted)
    return str(caught.value)


async def test_check_of_what_is_not_there(url: str) -> None:
    """It names the command that creates it, and creates nothing itself."""
    reason = "reachable   no: there is no such database yet: run `tidegraph migrate`"

    assert (False, [reason]) == await checked(url)
    assert (False, [reason]) == await checked(url)


async def test_check_of_an_old_schema(url: str) -> None:
    """Behind is not good enough, and the report says what to do."""
    await bring_to(url, "0001")
    ok, (_, schema) = await checked(url)

    assert (False, "schema      behind: run `tidegraph migrate`") == (ok, schema)


async def test_check_of_a_newer_schema(url: str) -> None:
    """Ahead is good enough: upgrades expand first and contract a release later."""
    await bring_to(url, "9999")
    ok, (_, schema) = await checked(url)

    assert (True, "schema      newer than this program, which serves it all the same") == (ok, schema)


async def test_check_of_the_right_schema(url: str) -> None:
    """It says which database it is, and of which version."""
    await operations.migrate(settings_of(url))
    ok, (reachable, schema) = await checked(url)
    kind = "SQLite 3." if url.startswith("sqlite") else "TiDB v8.5."

    assert (True, "schema      current") == (ok, schema)
    assert reachable.startswith(f"reachable   yes, {kind}")


async def test_migrate_creates_the_database(url: str) -> None:
    """The first run creates it, the second finds nothing to do."""
    settings = settings_of(url)

    assert f"{url} is now at revision {migrate.head()}." == await operations.migrate(settings)
    assert f"{url} was already at revision {migrate.head()}." == await operations.migrate(settings)


async def test_migrate_leaves_a_newer_schema_alone(url: str) -> None:
    """An older program does not know the way back."""
    await bring_to(url, "9999")

    assert f"{url} is newer than this program; nothing to do." == await operations.migrate(settings_of(url))


async def test_serve_needs_the_schema_of_this_program(url: str) -> None:
    """On TiDB it refuses an old one and names the command; on SQLite it migrates by itself."""
    await bring_to(url, "0001")
    refusal = f"{url} has a schema that is behind: run `tidegraph migrate`, or serve --migrate"

    if url.startswith("sqlite"):
        assert [] == await prepare(url)
    else:
        assert refusal == await failure_of_prepare(url)
        assert [] == await prepare(url, migrate=True)
    assert (await checked(url))[0]


async def test_serve_creates_only_when_told(url: str) -> None:
    """A misspelt name on TiDB does not become a database; a new file of SQLite is what a newcomer wants."""
    if url.startswith("tidb"):
        reason = f"{url}: there is no such database yet: run `tidegraph migrate`"
        assert reason == await failure_of_prepare(url)
        assert reason == await failure_of_prepare(url, seed=FEW)
    await prepare(url, migrate=url.startswith("tidb"))

    assert (await checked(url))[0]


async def test_serve_takes_a_newer_schema(url: str) -> None:
    """With a warning, so that instances can be replaced one by one."""
    await bring_to(url, "9999")
    warning = f"the schema of {url} is newer than this program; serving it all the same"

    assert [warning] == await prepare(url)
    assert [warning] == await prepare(url, migrate=True)


async def test_serve_seeds_only_an_empty_database(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Once; what it was given later stays."""
    await prepare(url, migrate=True, seed=FEW)
    first = capsys.readouterr().out
    await prepare(url, migrate=True, seed=FEW)

    assert f"{url} is now at revision {migrate.head()}.\n" in first
    assert first.endswith("Seeded 3 customers with 6 orders.\n")
    assert "" == capsys.readouterr().out


async def test_seed_needs_a_schema(url: str) -> None:
    """It names the command that makes one."""
    with pytest.raises(Failed) as absent:
        await operations.seed(settings_of(url), FEW)
    await bring_to(url, "0001")
    with pytest.raises(Failed) as behind:
        await operations.seed(settings_of(url), FEW)

    assert f"{url}: there is no such database yet: run `tidegraph migrate`" == str(absent.value)
    assert f"{url} has a schema that is behind: run `tidegraph migrate` first" == str(behind.value)


async def test_serve_starts_before_its_database() -> None:
    """A TiDB that is still to come only makes it unready, unless there is something to do first."""
    shown = CLOSED_PORT.replace("s3cret", "***")

    assert [f"{shown} does not answer yet; serving, but not ready"] == await prepare(CLOSED_PORT)
    for wanted in ({"migrate": True}, {"seed": FEW}):
        assert f"{shown}: the database cannot be reached" == await failure_of_prepare(CLOSED_PORT, **wanted)


async def test_check_of_a_closed_port() -> None:
    """No server is one line, without the password."""
    report = await operations.check(settings_of(CLOSED_PORT))

    assert not report.ok
    assert report.lines == [
        "settings    ok (development)",
        "database    tidb://shop:***@127.0.0.1:1/shop",
        "reachable   no: the database cannot be reached",
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
    report = await operations.check(settings)
    messages = {report.lines[2].removeprefix("reachable   no: ")}
    for work in (operations.migrate(settings), operations.seed(settings, FEW)):
        with pytest.raises(Failed) as caught:
            await work
        messages.add(str(caught.value).removeprefix(f"{settings.shown_database}: "))
    refused = await failure_of_prepare(settings.database_url)
    return {*messages, refused.removeprefix(f"{settings.shown_database}: ")}


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
    monkeypatch.setattr(operations, "PATIENCE", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = sa.make_url(CLOSED_PORT).set(port=silent.getsockname()[1])
        reason = "it did not answer within 0.2 seconds"
        settings = settings_of(url.render_as_string(hide_password=False))
        shown = settings.shown_database

        assert f"reachable   no: {reason}" == (await operations.check(settings)).lines[-1]
        assert f"{shown}: {reason}" == await failure_of_prepare(settings.database_url, migrate=True)
        assert [f"{shown} does not answer yet; serving, but not ready"] == await prepare(
            settings.database_url
        )


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_seeding_twice_is_refused(database_url: str) -> None:
    """Sample data never mixes with what is there."""
    settings = settings_of(database_url)
    full = f"{settings.shown_database} has data already"

    assert "Seeded 3 customers with 6 orders." == await operations.seed(settings, FEW)
    with pytest.raises(Failed, match=f"{full}; sample data goes into an empty one only"):
        await operations.seed(settings, FEW)
