"""Whether the database's user may do what serving, or migrating, needs."""

import re

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from db import errors, models
from db.engine import retry
from db.engine.database import Database
from db.maintenance.migrate import SCHEMA_INFO, connecting

READ, INSERT, UPDATE, DELETE = "SELECT", "INSERT", "UPDATE", "DELETE"
# What the served statements do to each table.
SERVING: tuple[tuple[sa.TableClause, tuple[str, ...]], ...] = (
    (models.customers, (READ, INSERT, UPDATE, DELETE)),
    (models.orders, (READ, INSERT, UPDATE, DELETE)),
    (models.order_lines, (READ, INSERT, DELETE)),
    (models.customer_words, (READ, INSERT, DELETE)),
    (models.history, (READ, INSERT, UPDATE)),
    (models.idempotency_keys, (READ, INSERT, DELETE)),
    (models.api_keys, (READ,)),
    (SCHEMA_INFO, (READ,)),
    (sa.table("alembic_version", sa.column("version_num")), (READ,)),
)
MIGRATING = {READ, INSERT, UPDATE, DELETE, "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"}
GRANT = re.compile(r"GRANT (?P<privileges>.+?) ON (?P<database>\S+)\.\* TO ")


async def missing_to_serve(database: Database) -> list[str]:
    """What the user may not do that serving needs, by table; asked of the database itself, with EXPLAIN.

    It checks privileges as the statement would, through roles and grants on columns too, and changes nothing.
    """
    found = []
    async with connecting(database.probes) as connection:
        for table, privileges in SERVING:
            denied = [each for each in privileges if not await _may(connection, _probe(table, each))]
            if denied:
                found.append(f"{', '.join(denied)} on {table.name} is missing")
    return found


async def missing_to_migrate(database: Database) -> list[str]:
    """What the user may not do that `tidegraph migrate` needs, by its grants: DDL has no EXPLAIN."""
    granted: set[str] = set()
    async with connecting(database.probes) as connection:
        for (line,) in await connection.exec_driver_sql("SHOW GRANTS"):
            found = GRANT.match(line)
            if found and _covers(found["database"].strip("`"), database.url.database):
                granted |= set(re.split(r", ?", found["privileges"].upper()))
    denied = set() if "ALL PRIVILEGES" in granted else MIGRATING - granted
    return [f"{', '.join(sorted(denied))} is missing"] if denied else []


def _covers(pattern: str, database: str) -> bool:
    """Whether a grant's database, in which _ and % are wildcards, is this one."""
    if pattern == "*":
        return True
    parts = re.split(r"(\\.|[%_])", pattern.lower())
    wildcards = {"%": ".*", "_": "."}
    regex = "".join(wildcards.get(part) or re.escape(part.removeprefix("\\")) for part in parts)
    return re.fullmatch(regex, database.lower(), re.DOTALL) is not None


async def _may(connection: AsyncConnection, statement: sa.ClauseElement) -> bool:
    try:
        await connection.exec_driver_sql(f"EXPLAIN {statement.compile(dialect=connection.dialect)}")
    except sa.exc.DBAPIError as error:
        translated = retry.translate(error)
        if isinstance(translated, errors.AccessDenied):
            return False
        raise translated from error
    return True


def _probe(table: sa.TableClause, privilege: str) -> sa.ClauseElement:
    """A statement that needs the privilege on every column that is read or written, and concerns no row."""
    columns: list[sa.ColumnClause[object]] = list(table.columns)
    match privilege:
        case "INSERT":
            # TiDB makes the ids itself.
            inserted = [each.name for each in columns if not each.info.get("auto_random")]
            nothing = sa.select(*[sa.null().label(name) for name in inserted]).where(sa.false())
            return sa.insert(table).from_select(inserted, nothing, include_defaults=False)
        case "UPDATE":
            changed = {each.name: each for each in columns if not each.primary_key}
            return sa.update(table).values(changed).where(sa.false())
        case "DELETE":
            return sa.delete(table).where(sa.false())
        case _:
            return sa.select(*columns).where(sa.false())
