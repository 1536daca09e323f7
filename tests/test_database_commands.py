"""What migrating, checking and preparing make of a database, in whatever state they find it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from graph.cli import database_commands
from graph.cli.database_commands import CommandError
from tests.conftest import KINDS
from tests.db.raw_sql import run
from tests.prepare_database import FEW, failure_of_prepare, prepare, settings_of
from tests.shared_tidb import SharedTidb, execute

HEAD = migrate.head()
NEEDS_NEWER = f"revision 9999 needs a program of revision 9998 or later, and this is {HEAD}"
UNKNOWN = "revision 9999 is unknown, and the database does not say which programs can use it"


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


async def bring_to(url: str, revision: str) -> None:
    """Migrate as far as an older program did, or name a revision of a newer one."""
    known = revision < migrate.head()
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database, revision if known else "head")
    if not known:
        await execute(url, f"UPDATE alembic_version SET version_num = '{revision}'")


async def checked(url: str) -> tuple[bool, list[str]]:
    """Whether all is well, and the lines after those on settings and database."""
    report = await database_commands.check(settings_of(url))
    return report.ok, report.lines[2:]


async def test_check_of_what_is_not_there(url: str) -> None:
    """It names the command that creates it, and creates nothing itself."""
    reason = "reachable   no: the database does not exist yet: run `tidegraph migrate`"

    assert (False, [reason]) == await checked(url)
    assert (False, [reason]) == await checked(url)


async def test_check_of_an_old_schema(url: str) -> None:
    """Behind is not good enough, and the report says what to do."""
    await bring_to(url, "0001")
    ok, (_, schema, *_) = await checked(url)

    assert (False, "schema      outdated: run `tidegraph migrate`") == (ok, schema)


async def test_check_of_a_newer_schema(url: str) -> None:
    """Ahead is good enough: upgrades expand first and contract a release later."""
    await bring_to(url, "9999")
    ok, (_, schema, *_) = await checked(url)

    assert (True, "schema      newer than this program, but compatible") == (ok, schema)


INCOMPATIBLE = (
    "UPDATE alembic_version SET version_num = '9999'; UPDATE schema_info SET minimum_revision = '9998'"
)
UNFIT = [
    (
        INCOMPATIBLE,
        f"too new for this program: {NEEDS_NEWER}",
    ),
    (
        "DROP TABLE schema_info; UPDATE alembic_version SET version_num = '9999'",
        f"too new for this program: {UNKNOWN}",
    ),
    ("ALTER TABLE orders DROP COLUMN version", "incomplete: missing: column orders.version"),
]


@pytest.mark.parametrize(("script", "reason"), UNFIT)
async def test_every_command_refuses_a_schema_that_does_not_fit(url: str, script: str, reason: str) -> None:
    """Whatever its revision is called; no migration of this program makes it fit."""
    await database_commands.migrate(settings_of(url))
    await execute(url, script)
    line = f"the schema of {url} is {reason}"
    report = await database_commands.check(settings_of(url), data=True)

    assert (False, f"schema      {reason}") == (report.ok, report.lines[3])
    assert line == await failure_of_prepare(url)
    assert line == await failure_of_prepare(url, migrate=True)
    for command in (
        database_commands.migrate(settings_of(url)),
        database_commands.seed(settings_of(url), FEW),
    ):
        with pytest.raises(CommandError) as refused:
            await command
        assert line == str(refused.value)


async def test_check_of_the_right_schema(url: str) -> None:
    """It says which database it is, and of which version."""
    await database_commands.migrate(settings_of(url))
    ok, (reachable, schema, *access) = await checked(url)
    kind = "SQLite 3." if url.startswith("sqlite") else "TiDB v8.5."

    assert (True, "schema      current") == (ok, schema)
    assert ["writable    ok"] == access or ["variables   ok", "grants      ok"] == access
    assert reachable.startswith(f"reachable   yes, {kind}")


async def test_migrate_creates_the_database(url: str) -> None:
    """The first run creates it, the second finds nothing to do."""
    settings = settings_of(url)

    assert f"{url} is now at revision {migrate.head()}." == await database_commands.migrate(settings)
    assert f"{url} was already at revision {migrate.head()}." == await database_commands.migrate(settings)


async def test_migrate_leaves_a_newer_schema_alone(url: str) -> None:
    """An older program does not know the way back."""
    await bring_to(url, "9999")

    assert f"{url} is newer than this program; nothing to do." == await database_commands.migrate(
        settings_of(url)
    )


async def test_serve_needs_the_schema_of_this_program(url: str) -> None:
    """On TiDB it refuses an old one and names the command; on SQLite it migrates by itself."""
    await bring_to(url, "0001")
    refusal = f"{url} has an outdated schema: run `tidegraph migrate`, or serve --migrate"

    if url.startswith("sqlite"):
        assert [] == await prepare(url)
    else:
        assert refusal == await failure_of_prepare(url)
        assert [] == await prepare(url, migrate=True)
    assert (await checked(url))[0]


async def test_serve_creates_only_when_told(url: str) -> None:
    """A misspelt name on TiDB does not become a database; a new file of SQLite is what a newcomer wants."""
    if url.startswith("tidb"):
        reason = f"{url}: the database does not exist yet: run `tidegraph migrate`"
        assert reason == await failure_of_prepare(url)
        assert reason == await failure_of_prepare(url, seed=FEW)
    await prepare(url, migrate=url.startswith("tidb"))

    assert (await checked(url))[0]


async def test_serve_takes_a_newer_schema(url: str) -> None:
    """With a warning, so that instances can be replaced one by one."""
    await bring_to(url, "9999")
    warning = f"the schema of {url} is newer than this program, but compatible"

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


async def test_servers_that_start_together_seed_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All of them serve; who comes a little later finds the data there, and says nothing."""
    seeded = "Seeded 3 customers with 6 orders."
    await prepare(url, migrate=True)
    capsys.readouterr()
    await asyncio.gather(*(prepare(url, seed=FEW) for _ in range(3)))
    said = [line for line in capsys.readouterr().out.splitlines() if not line.endswith(" rows")]

    assert 1 == said.count(seeded)
    assert {seeded, f"{url} is being filled by another process"} >= set(said)
    async with Database(DatabaseUrl.parse(url)) as database:
        assert [(3,)] == await run(database, "SELECT COUNT(*) FROM customers")


async def test_seed_needs_a_schema(url: str) -> None:
    """It names the command that makes one."""
    with pytest.raises(CommandError) as absent:
        await database_commands.seed(settings_of(url), FEW)
    await bring_to(url, "0001")
    with pytest.raises(CommandError) as behind:
        await database_commands.seed(settings_of(url), FEW)

    assert f"{url}: the database does not exist yet: run `tidegraph migrate`" == str(absent.value)
    assert f"{url} has an outdated schema: run `tidegraph migrate` first" == str(behind.value)


@pytest.mark.parametrize("database_url", KINDS[:2], indirect=True)
async def test_seeding_twice_is_refused(database_url: str) -> None:
    """Sample data never mixes with what is there."""
    settings = settings_of(database_url)
    full = f"{settings.redacted_database_url} is not empty"

    assert "Seeded 3 customers with 6 orders." == await database_commands.seed(settings, FEW)
    with pytest.raises(CommandError, match=f"{full}; sample data is added to an empty database only"):
        await database_commands.seed(settings, FEW)
