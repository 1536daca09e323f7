"""Migrations make what the models say, step by step, there and back, on both databases."""

import asyncio
import dataclasses
import re

import pytest
import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy.util import await_only

from db import errors, models
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from db.maintenance.migrate import State
from tests.conftest import KINDS
from tests.db.raw_sql import run, run_on
from tests.factories import create_customer
from tests.shared_tidb import SharedTidb

REVISIONS = [f"{number:04}" for number in range(1, 15)]
HEAD = REVISIONS[-1]
VERSIONS = "alembic_version"
API_KEY_COLUMNS = ", ".join(
    f"column api_keys.{name}" for name in ("digest", "name", "scopes", "created_at", "expires_at")
)
INTERNAL = {VERSIONS, "sqlite_sequence"}


async def _schema(database: Database) -> dict[str, str]:
    """The DDL of every table and index, as the database itself tells it, without Alembic's."""
    if database.url.is_sqlite:
        rows = await run(database, "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        # A column that was added later stands in the same line as the one before it.
        return {name: re.sub(r"\s*,\s*", ", ", sql) for name, sql in rows if name not in INTERNAL}
    names = [row[0] for row in await run(database, "SHOW TABLES")]
    tables = {name: await run(database, f"SHOW CREATE TABLE {name}") for name in names if name != VERSIONS}
    # Where the next ids are taken from is no part of it, nor is which index was made first.
    created = {name: re.sub(r" /\*T!\[auto_rand_base\].*", "", rows[0][1]) for name, rows in tables.items()}
    return {name: "\n".join(sorted(ddl.replace(",\n", "\n").split("\n"))) for name, ddl in created.items()}


async def _create_all(url: str) -> dict[str, str]:
    """The schema that the models alone make."""
    async with Database(DatabaseUrl.parse(url)) as database:
        if not database.url.is_sqlite:
            await migrate._create_database(database)
        async with database.writes.begin() as connection:
            await connection.run_sync(models.metadata.create_all)
        schema = await _schema(database)
        if not database.url.is_sqlite:
            await run(database, f"DROP DATABASE {database.url.database}")
        return schema


async def test_migrations_make_what_the_models_say(new_url: str) -> None:
    """Table by table and index by index, in the database's own words."""
    from_models = await _create_all(new_url.replace("new.db", "models.db"))
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        from_migrations = await _schema(database)

    assert migrate.SCHEMA_INFO.name in from_migrations
    del from_migrations[migrate.SCHEMA_INFO.name]
    assert {table.name for table in models.metadata.sorted_tables} <= from_models.keys()
    assert from_models == from_migrations


async def test_each_migration_goes_down_and_up_again(new_url: str) -> None:
    """Every revision alone, then all of them; each step restores exactly what was there before it."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        schemas = {"base": {}}
        for revision in REVISIONS:
            await migrate.upgrade(database, revision)
            schemas[revision] = await _schema(database)

            assert revision == await migrate.current(database)
        for before, revision in reversed(list(zip(["base", *REVISIONS], REVISIONS, strict=False))):
            await migrate.downgrade(database, before)
            assert schemas[before] == await _schema(database)

            await migrate.upgrade(database, revision)
            assert schemas[revision] == await _schema(database)

            await migrate.downgrade(database, before)
        assert await migrate.current(database) is None

        await migrate.upgrade(database)
        assert schemas[HEAD] == await _schema(database)


async def test_the_revisions_are_those_that_are_tested() -> None:
    """A new revision is to be added above."""
    assert REVISIONS == sorted(script.revision for script in migrate._script().walk_revisions())
    assert HEAD == migrate.head()


async def test_upgrading_twice_changes_nothing(new_url: str) -> None:
    """The second time finds nothing to do, and rows stay."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        schema, customer = await _schema(database), await create_customer(database)
        await migrate.upgrade(database)

        assert schema == await _schema(database)
        assert [(customer.id,)] == await run(database, "SELECT id FROM customers")


async def test_migrations_at_the_same_time_all_succeed(new_url: str) -> None:
    """Each has its own connections, and the database is not there yet; one does the work."""
    databases = [Database(DatabaseUrl.parse(new_url)) for _ in range(4)]
    await asyncio.gather(*(migrate.upgrade(database) for database in databases))
    states = [await migrate.state(database) for database in databases]
    for database in databases:
        await database.close()

    assert [State.CURRENT] * 4 == states


@pytest.mark.parametrize("new_url", ["asyncmy", "aiomysql"], indirect=True)
@pytest.mark.tidb
async def test_the_lock_is_held_until_the_new_revision_is_seen(new_url: str, tidb: SharedTidb) -> None:
    """Whoever takes it next must not run the same migration again."""
    seen: list[tuple[int, str]] = []
    async with (
        Database(DatabaseUrl.parse(new_url)) as database,
        Database(DatabaseUrl.parse(tidb.url())) as other,
    ):
        await migrate.upgrade(database, "0002")

        def look(_connection: sa.Connection) -> None:
            version = f"(SELECT version_num FROM {database.url.database}.{VERSIONS})"
            rows = await_only(run(other, f"SELECT IS_FREE_LOCK('{migrate.LOCK}'), {version}"))
            seen.append((rows[0][0], rows[0][1]))

        sa.event.listen(database.writes.sync_engine, "commit", look)
        await migrate.upgrade(database)

    assert {(0, revision) for revision in REVISIONS[1:-1]} >= set(seen[:-1])
    assert HEAD == seen[-1][1]


async def test_a_migration_that_was_interrupted_goes_on(new_url: str) -> None:
    """TiDB's DDL is not transactional: a table may be there although its revision was not noted."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        schema = await _schema(database)
        await run(database, f"UPDATE {VERSIONS} SET version_num = '0001'")
        await migrate.upgrade(database)

        assert HEAD == await migrate.current(database)
        assert schema == await _schema(database)


async def test_a_migration_that_failed_holds_no_lock(new_url: str) -> None:
    """The next one does not wait for it, although the first one's pool still has its connection."""
    async with Database(DatabaseUrl.parse(new_url)) as failed, Database(failed.url) as next_one:
        with pytest.raises(CommandError):
            await migrate.upgrade(failed, "no such revision")
        async with asyncio.timeout(30):
            await migrate.upgrade(next_one)

        assert State.CURRENT == await migrate.state(failed)


async def test_the_state_tells_how_the_schema_stands(new_url: str) -> None:
    """Compared with this program's head; a revision it does not know is a later program's."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        states = [await migrate.state(database)]
        await run(database, f"UPDATE {VERSIONS} SET version_num = '9999'")
        states.append(await migrate.state(database))
        await run(database, f"UPDATE {VERSIONS} SET version_num = '{HEAD}'")
        await migrate.downgrade(database, "0001")
        states.append(await migrate.state(database))
        await migrate.downgrade(database, "base")
        states.append(await migrate.state(database))

    assert [State.CURRENT, State.AHEAD, State.BEHIND, State.EMPTY] == states


UNKNOWN = f"UPDATE {VERSIONS} SET version_num = '9999'"


@pytest.mark.parametrize(
    ("changes", "state", "detail"),
    [
        ([UNKNOWN], State.AHEAD, ""),
        ([UNKNOWN, f"UPDATE schema_info SET minimum_revision = '{HEAD}'"], State.AHEAD, ""),
        (
            [UNKNOWN, "UPDATE schema_info SET minimum_revision = '9998'"],
            State.INCOMPATIBLE,
            f"revision 9999 needs a program of revision 9998 or later, and this is {HEAD}",
        ),
        (
            ["UPDATE schema_info SET minimum_revision = '9998'"],
            State.INCOMPATIBLE,
            f"revision {HEAD} needs a program of revision 9998 or later, and this is {HEAD}",
        ),
        (
            [UNKNOWN, "DROP TABLE schema_info"],
            State.INCOMPATIBLE,
            "revision 9999 is unknown, and the database does not say which programs can use it",
        ),
        (
            [UNKNOWN, "DELETE FROM schema_info"],
            State.INCOMPATIBLE,
            "revision 9999 is unknown, and the database does not say which programs can use it",
        ),
        (
            [f"INSERT INTO {VERSIONS} VALUES ('9999')", "UPDATE schema_info SET minimum_revision = '9998'"],
            State.INCOMPATIBLE,
            f"revision {HEAD} and 9999 needs a program of revision 9998 or later, and this is {HEAD}",
        ),
        ([f"DELETE FROM {VERSIONS}"], State.EMPTY, ""),
        (["ALTER TABLE customers ADD COLUMN another INTEGER"], State.CURRENT, ""),
        (["DROP TABLE api_keys"], State.INCOMPLETE, f"missing: {API_KEY_COLUMNS} and 2 more"),
        (["DROP TABLE api_keys", UNKNOWN], State.INCOMPLETE, f"missing: {API_KEY_COLUMNS} and 2 more"),
        (
            ["ALTER TABLE history DROP COLUMN request_id"],
            State.INCOMPLETE,
            "missing: column history.request_id",
        ),
    ],
)
@pytest.mark.parametrize("new_url", KINDS[:2], indirect=True)
async def test_a_schema_is_compared_with_what_the_program_needs(
    new_url: str, changes: list[str], state: State, detail: str
) -> None:
    """Its revision, the program that it needs at least, its tables and their columns."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        await run(database, *changes)
        found = await migrate.inspect(database)

    # TiDB has a name for the unique constraint, too.
    assert (state, detail) == (found.state, found.detail.replace("and 3 more", "and 2 more"))
    assert found.fits == (state in {State.CURRENT, State.AHEAD})


async def test_an_unknown_revision_without_tables_is_not_newer(new_url: str) -> None:
    """Another program's database may have a table of the same name."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        if not database.url.is_sqlite:
            await migrate._create_database(database)
        await run(database, f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)")
        empty = await migrate.state(database)
        await run(database, f"INSERT INTO {VERSIONS} VALUES ('7a1c0ffee')")

        assert [State.EMPTY, State.INCOMPATIBLE] == [empty, await migrate.state(database)]


@pytest.mark.parametrize("new_url", KINDS[:2], indirect=True)
async def test_an_index_that_statements_name_is_needed(new_url: str) -> None:
    """TiDB refuses a statement whose hint names an index that is not there."""
    index = "ix_orders_placed_at"
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        await run(database, f"DROP INDEX {index}" + ("" if database.url.is_sqlite else " ON orders"))

        assert (State.INCOMPLETE, f"missing: index orders.{index}") == await migrate.inspect(database)


@pytest.mark.tidb
@pytest.mark.parametrize(
    ("change", "missing"),
    [
        (
            "ALTER TABLE orders DROP FOREIGN KEY fk_orders_customer_id",
            "foreign key orders.fk_orders_customer_id",
        ),
        ("DROP INDEX uq_customers_email ON customers", "index customers.uq_customers_email"),
    ],
)
@pytest.mark.parametrize("new_url", KINDS[1:2], indirect=True)
async def test_constraints_are_needed(new_url: str, change: str, missing: str) -> None:
    """Without them orders lose their customers, and handles are no longer unique."""
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database)
        await run(database, change)

        assert (State.INCOMPLETE, f"missing: {missing}") == await migrate.inspect(database)


async def test_the_state_waits_for_no_writer(database: Database) -> None:
    """It is a read: a transaction that holds SQLite's only write lock does not delay it."""
    await database.write(lambda transaction: transaction.fetch(sa.text("SELECT 1")))
    async with Database(database.url) as other, other.writes.begin() as connection:
        await connection.execute(sa.text("SELECT 1"))
        async with asyncio.timeout(2):
            state = await migrate.state(database)

    assert State.CURRENT == state


@pytest.mark.tidb
@pytest.mark.parametrize("driver", ["mysql+asyncmy", "mysql+aiomysql"])
async def test_a_database_that_is_not_there_has_no_state(tidb: SharedTidb, driver: str) -> None:
    """Only a migration makes it."""
    async with Database(DatabaseUrl.parse(tidb.url("not_there", driver))) as database:
        with pytest.raises(errors.NoSuchDatabase, match="Unknown database 'not_there'"):
            await migrate.state(database)
        with pytest.raises(errors.NoSuchDatabase):
            await database.reader(Deadline.after(5)).fetch(sa.text("SELECT 1"))


@pytest.mark.parametrize("new_url", ["asyncmy", "aiomysql"], indirect=True)
@pytest.mark.tidb
async def test_who_may_not_create_is_told_so(new_url: str, tidb: SharedTidb) -> None:
    """Where the database is missing, and where it is there without the tables."""
    url = sa.make_url(new_url)
    user = f"{url.database}"[:32]
    theirs = url.set(username=user, password="secret").render_as_string(hide_password=False)
    await run_on(tidb.url(), f"CREATE USER {user} IDENTIFIED BY 'secret'")
    async with Database(DatabaseUrl.parse(theirs)) as database:
        with pytest.raises(errors.AccessDenied) as no_database:
            await migrate.upgrade(database)
        await run_on(
            tidb.url(),
            f"CREATE DATABASE {url.database}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {url.database}.* TO {user}",
        )
        with pytest.raises(errors.AccessDenied) as no_table:
            await migrate.upgrade(database)
    wrong = dataclasses.replace(database.url, driver_url=database.url.driver_url.set(password="wrong"))
    async with Database(wrong) as database:
        with pytest.raises(errors.AccessDenied) as no_password:
            await migrate.upgrade(database)
    await run_on(tidb.url(), f"DROP USER {user}")

    denied = f"Access denied for user '{user}'@'%' to database '{url.database}'"
    assert denied == str(no_database.value)
    assert f"CREATE command denied to user '{user}'@'%' for table 'alembic_version'" == str(no_table.value)
    assert str(no_password.value).startswith(f"Access denied for user '{user}'@'")
