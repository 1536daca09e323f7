"""Migrations: which revision a database is at, and how it gets to another."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from db import engines, errors, retry
from db.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK, LOCK_SECONDS, LOCK_STEP = "tidegraph migrate", 60, 5


class State(Enum):
    """How a database's schema stands to this program's. An older program meets one that is AHEAD."""

    EMPTY = "empty"
    BEHIND = "behind"
    CURRENT = "current"
    AHEAD = "ahead"


async def state(database: Database) -> State:
    """Raises Unavailable, NoSuchDatabase among them."""
    revision = await current(database)
    if revision is None:
        return State.EMPTY
    if revision == head():
        return State.CURRENT
    known = {script.revision for script in _script().walk_revisions()}
    return State.BEHIND if revision in known else State.AHEAD


async def current(database: Database) -> str | None:
    """The revision that the database is at, None before the first; read outside the pools."""
    async with _connection(database.probes) as connection:
        return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


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
    async with _connection(database.writes) as connection:
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
            # Who waits for long is told to ask again.
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
    engine = engines.reading(server, database.limits)
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
async def _connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
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
