"""Migrations: a database's revision, whether this program can use its schema, and upgrades."""

import dataclasses
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import errors, models
from db.engine import pools, retry
from db.engine.database import Database

MIGRATIONS = Path(__file__).parents[1] / "migrations"
LOCK, LOCK_SECONDS, LOCK_STEP = "tidegraph migrate", 180, 5
# A running server reads the minimum revision every 5 seconds. What it has begun by then ends soon after.
SECONDS_TO_NOTICE = 10.0


# One row: the head revision that a program must have at least to use this schema.
SCHEMA_INFO = sa.Table(
    "schema_info",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("minimum_revision", sa.String(32), nullable=False),
)
VERSIONS = sa.text("SELECT version_num FROM alembic_version")
NO_SUCH_TABLE = 1146
# Tables with their columns, and what else statements depend on: TiDB refuses one whose hint names no index.
TIDB_PARTS = sa.text("""
SELECT table_name, 'column', column_name FROM information_schema.columns WHERE table_schema = :name
UNION ALL
SELECT table_name, 'index', index_name FROM information_schema.statistics WHERE table_schema = :name
UNION ALL
SELECT table_name, 'foreign key', constraint_name FROM information_schema.referential_constraints
WHERE constraint_schema = :name
""")
SQLITE_PARTS = sa.text("""
SELECT tables.name, 'column', columns.name
FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
WHERE tables.type IN ('table', 'view')
UNION ALL
SELECT tbl_name, 'index', name FROM sqlite_master WHERE type = 'index'
""")
MAX_LISTED = 5


class State(Enum):
    """How a database's schema relates to this program."""

    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"
    # A newer program has migrated it, and this one can go on using it.
    AHEAD = "ahead"
    INCOMPATIBLE = "incompatible"
    INCOMPLETE = "incomplete"


class Schema(NamedTuple):
    """The state of a schema; `detail` says what is wrong with one that is INCOMPATIBLE or INCOMPLETE."""

    state: State
    detail: str = ""

    @property
    def fits(self) -> bool:
        """Whether this program can serve it."""
        return self.state in {State.CURRENT, State.AHEAD}


class Part(NamedTuple):
    """A column, an index or a foreign key of a table."""

    table: str
    kind: str
    name: str


async def state(database: Database) -> State:
    """Raises Unavailable, NoSuchDatabase among them."""
    return (await inspect(database)).state


async def inspect(database: Database) -> Schema:
    """Read how the schema relates to this program: three statements, outside the pools.

    Raises Unavailable, NoSuchDatabase among them.
    """
    async with connecting(database.probes) as connection:
        revisions = await _revisions(connection)
        if not revisions:
            return Schema(State.EMPTY)
        known = {script.revision for script in _script().walk_revisions()}
        if set(revisions) <= known - {head()}:
            return Schema(State.BEHIND)
        parts = await _parts(connection, database)
        minimum = await _minimum_revision(connection) if _HAS_MINIMUM in parts else None
    return _relation(revisions, minimum, parts, is_sqlite=database.url.is_sqlite)


def _relation(revisions: list[str], minimum: str | None, parts: set[Part], *, is_sqlite: bool) -> Schema:
    found, ours = " and ".join(revisions), head()
    if revisions != [ours] and minimum is None:
        detail = f"revision {found} is unknown, and the database does not say which programs can use it"
        return Schema(State.INCOMPATIBLE, detail)
    if len(revisions) > 1 or (minimum or "") > ours:
        detail = f"revision {found} needs a program of revision {minimum} or later, and this is {ours}"
        return Schema(State.INCOMPATIBLE, detail)
    missing = [
        f"{part.kind} {part.table}.{part.name}" for part in _needed(is_sqlite) if _lower(part) not in parts
    ]
    if missing:
        more = f" and {len(missing) - MAX_LISTED:,} more" if len(missing) > MAX_LISTED else ""
        return Schema(State.INCOMPLETE, f"missing: {', '.join(missing[:MAX_LISTED])}{more}")
    return Schema(State.CURRENT if revisions == [ours] else State.AHEAD)


def _needed(is_sqlite: bool) -> Iterator[Part]:
    """What the statements of this program name or rely on; SQLite has no names for the rest."""
    for table in models.metadata.sorted_tables:
        yield from (Part(table.name, "column", column.name) for column in table.columns)
        yield from (Part(table.name, "index", str(index.name)) for index in table.indexes)
        if not is_sqlite:
            for constraint in table.constraints:
                if isinstance(constraint, sa.UniqueConstraint):
                    yield Part(table.name, "index", str(constraint.name))
                if isinstance(constraint, sa.ForeignKeyConstraint):
                    yield Part(table.name, "foreign key", str(constraint.name))


def _lower(part: Any) -> Part:
    return Part(*(str(each).lower() for each in part))


_HAS_MINIMUM = Part(SCHEMA_INFO.name, "column", "minimum_revision")


async def _revisions(connection: AsyncConnection) -> list[str]:
    try:
        return sorted(await connection.scalars(VERSIONS))
    except sa.exc.DBAPIError as error:
        if errors.driver_code(error.orig) == NO_SUCH_TABLE or "no such table" in str(error.orig):
            return []
        raise


async def _parts(connection: AsyncConnection, database: Database) -> set[Part]:
    if database.url.is_sqlite:
        rows = await connection.execute(SQLITE_PARTS)
    else:
        rows = await connection.execute(TIDB_PARTS, {"name": database.url.database})
    return {_lower(row) for row in rows}


async def _minimum_revision(connection: AsyncConnection) -> str | None:
    minimum: str | None = await connection.scalar(sa.select(sa.func.max(SCHEMA_INFO.c.minimum_revision)))
    return minimum


async def current(database: Database) -> str | None:
    """The revision that the database is at, None before the first; read outside the pools."""
    async with connecting(database.probes) as connection:
        return next(iter(await _revisions(connection)), None)


def head() -> str:
    """The revision that this program was written for."""
    return str(_script().get_current_head())


async def upgrade(database: Database, revision: str = "head") -> None:
    """Create the database where there is none, and bring its schema up to `revision`.

    Two at once: the second waits for the first and then finds nothing to do.
    """
    if not database.url.is_sqlite:
        await _create_database(database)
    await _run(database, "upgrade", revision)


async def downgrade(database: Database, revision: str) -> None:
    """Take the schema back to `revision`; its data goes."""
    await _run(database, "downgrade", revision)


async def _run(database: Database, direction: str, revision: str) -> None:
    async with connecting(database.writes) as connection:
        try:
            await _run_alone(connection, direction, revision)
        except BaseException:
            # Its session may still hold the lock: it must not go back to the pool.
            await connection.invalidate()
            raise


async def _run_alone(connection: AsyncConnection, direction: str, revision: str) -> None:
    # SQLite needs no lock: its transaction is the only one that writes.
    locks = connection.dialect.name != "sqlite"
    if locks:
        await _lock(connection)
    async with connection.begin():
        await connection.run_sync(_alembic, direction, revision)
    if locks:
        await connection.execute(sa.select(sa.func.release_lock(LOCK)))
        await connection.commit()


def _alembic(connection: sa.Connection, direction: str, revision: str) -> None:
    getattr(command, direction)(_config(connection), revision)


async def _lock(connection: AsyncConnection) -> None:
    for _ in range(LOCK_SECONDS // LOCK_STEP):
        try:
            taken = await connection.scalar(sa.select(sa.func.get_lock(LOCK, LOCK_STEP)))
        except sa.exc.DBAPIError as error:
            # TiDB ends a long wait for the lock with a retryable error.
            if retry.rule_of(error) is not retry.CONFLICT:
                raise
            taken = False
        # What is read next is as new as the lock.
        await connection.rollback()
        if taken:
            return
    raise errors.Conflict(f"another migration has been running for {LOCK_SECONDS} seconds")


async def _create_database(database: Database) -> None:
    server = dataclasses.replace(database.url, driver_url=database.url.without_database())
    name = database.url.database.replace("`", "``")
    engine = pools.reading(server, database.limits)
    try:
        async with engine.connect() as connection:
            exists = sa.text("SELECT 1 FROM information_schema.schemata WHERE schema_name = :name")
            if not await connection.scalar(exists, {"name": database.url.database}):
                await connection.execute(sa.text(f"CREATE DATABASE IF NOT EXISTS `{name}`"))
    except sa.exc.SQLAlchemyError as error:
        raise retry.translate(error) from error
    finally:
        await engine.dispose()


@asynccontextmanager
async def connecting(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection whose driver errors are translated."""
    try:
        async with engine.connect() as connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise retry.translate(error) from error


def _config(connection: sa.Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())
