"""Errors that an operator can repair: a code that says whether to retry, one log line, no traceback."""

import asyncio
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from tests.api import Api
from tests.conftest import on_sqlite
from tests.db.raw_sql import run, run_on
from tests.factories import create_customer
from tests.table_rows import stored_rows
from tests.tidb.server import TidbServer

READ = "{ customers { nodes { name } } }"
CREATE = 'mutation { createCustomer(input: { username: "new", name: "%s" }) { customer { id } } }'
MANY = ", ".join(f'{{ username: "u{number}", name: "{"x" * 200}" }}' for number in range(100))
LONG = f"mutation {{ upsertCustomers(input: {{ items: [{MANY}] }}) {{ userErrors {{ code }} }} }}"
READ_ONLY = ("SERVICE_UNAVAILABLE", "The database is read-only. Try again later.")
FULL = ("SERVICE_UNAVAILABLE", "The database has no space left. Try again later.")
AWAY = ("SERVICE_UNAVAILABLE", "The database is not available. Try again in a moment.")
TOO_LARGE = (
    "COST_LIMIT_EXCEEDED",
    "The operation exceeds a limit of the database. Nothing was written. Ask for less.",
)
MISMATCH = (
    "SERVICE_UNAVAILABLE",
    "The versions of the server and its database schema do not match. Try again later.",
)


async def failure(api: Api, query: str) -> tuple[str, str]:
    """Code and message of the one error; it was logged as one warning without a traceback."""
    with capture_logs() as logged:
        (error,) = (await api.send(query))["errors"]
    (line,) = logged
    code: str = error["extensions"]["code"]

    assert ("warning", code, None) == (line["log_level"], line["code"], line.get("exc_info"))
    assert 0 < len(line["reason"]) < 300
    assert "\n" not in line["reason"]
    return code, error["message"]


def on_connections(database: Database, *statements: str) -> None:
    """Run statements on each connection of the pools that is made from now on."""

    def prepare(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()

    for engine in (database.reads, database.writes):
        sa.event.listen(engine.sync_engine, "connect", prepare)


@on_sqlite
@pytest.mark.parametrize(
    ("pragma", "query", "told"),
    [
        ("PRAGMA query_only = ON", CREATE % "Ada", READ_ONLY),
        ("PRAGMA max_page_count = 1", LONG, FULL),
    ],
)
async def test_a_file_that_takes_no_changes(
    database: Database, pragma: str, query: str, told: tuple[str, str]
) -> None:
    """Read-only or full: reads go on, nothing is written, and nothing is wrong with the server."""
    before = await stored_rows(database)
    async with Database(database.url) as limited, Api.of(limited) as api:
        on_connections(limited, pragma)
        assert told == await failure(api, query)
        assert {"customers": {"nodes": []}} == await api.data(READ)

    assert before == await stored_rows(database)


def damage(path: Path) -> None:
    """Overwrite all but the first page."""
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))


def remove(path: Path) -> None:
    """With its log and its index."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()


def replace(path: Path, by: str) -> None:
    remove(path)
    if by == "text":
        path.write_text("no database " * 1000)
    if by == "folder":
        path.mkdir()


@on_sqlite
async def test_a_file_that_was_damaged_is_critical(database: Database, database_url: str) -> None:
    """A client cannot repair it by trying again; the log says so in one line, without a traceback."""
    await create_customer(database)
    await run(database, "PRAGMA wal_checkpoint(TRUNCATE)")
    damage(Path(database_url.removeprefix("sqlite:///")))
    async with Database(database.url) as damaged, Api.of(damaged) as api:
        with capture_logs() as logged:
            answer = await api.send(READ)

    (error,), (line,) = answer["errors"], logged
    assert "INTERNAL_SERVER_ERROR" == error["extensions"]["code"]
    assert ("critical", error["extensions"]["errorId"]) == (line["log_level"], line["error_id"])
    assert "malformed" in line["reason"]
    assert "exc_info" not in line


@on_sqlite
@pytest.mark.parametrize("replaced", ["text", "folder", "nothing"])
async def test_a_file_that_was_replaced(database: Database, database_url: str, replaced: str) -> None:
    """It is no database, cannot be opened, or is empty: none of them is a bug of the server."""
    replace(Path(database_url.removeprefix("sqlite:///")), replaced)
    async with Database(database.url) as other, Api.of(other) as api:
        with capture_logs() as logged:
            codes = {await api.code(READ), await api.code(CREATE % "Ada")}

    expected = {"text": {"INTERNAL_SERVER_ERROR"}, "folder": {AWAY[0]}, "nothing": {MISMATCH[0]}}
    assert expected[replaced] == codes
    assert {"text": {"critical"}}.get(replaced, {"warning"}) == {line["log_level"] for line in logged}
    assert [] == [line for line in logged if "exc_info" in line]


WITHOUT_MEMORY = """
import asyncio, sqlite3, sys
from db import errors
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
import sqlalchemy as sa

async def main():
    async with Database(DatabaseUrl.parse(sys.argv[1])) as database:
        reader = database.reader()
        await reader.fetch(sa.text("SELECT 1"))
        try:
            await reader.fetch(sa.text("PRAGMA hard_heap_limit = 1"))
            await reader.fetch(sa.text("SELECT * FROM customers ORDER BY name"))
        except errors.DatabaseError as error:
            print(type(error).__name__, error)

asyncio.run(main())
"""


@on_sqlite
async def test_no_memory_for_sqlite(database_url: str) -> None:
    """In a process of its own, for the limit is the whole process's."""
    command = [sys.executable, "-c", WITHOUT_MEMORY, database_url]
    done = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    printed, _ = await done.communicate()

    assert b"Unavailable out of memory\n" == printed


@on_sqlite
async def test_a_value_beyond_the_limit_of_sqlite_is_too_large(database: Database) -> None:
    """An operator's build of SQLite may allow less than the API."""
    async with Api.of(database) as api:
        await api.data(READ)
        async with database.writes.connect() as connection:
            raw = await connection.get_raw_connection()
            driver: Any = raw.driver_connection
            driver._conn.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 2_000)
        async with Api.of(database) as other:
            told = await failure(other, LONG)

    assert TOO_LARGE == told


@pytest.fixture(scope="module")
def refusing(own_tidb: type[TidbServer]) -> Iterator[TidbServer]:
    """A TiDB whose global variables these tests change."""
    with own_tidb() as server:
        yield server


@pytest.fixture(params=["asyncmy", "aiomysql"])
async def served(refusing: TidbServer, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database of its own, as the user that serves."""
    name = f"served_{request.param}"
    async with Database(DatabaseUrl.parse(refusing.url(name))) as migrating:
        await migrate.upgrade(migrating)
        await run(
            migrating,
            f"CREATE USER IF NOT EXISTS {name}",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name}.* TO {name}",
            "DELETE FROM customers",
        )
        await create_customer(migrating, name="Ada")
    url = refusing.url(name).replace("tidb://root", f"mysql+{request.param}://{name}")
    async with Database(DatabaseUrl.parse(url)) as database:
        yield database


async def as_root(refusing: TidbServer, *statements: str) -> None:
    await run_on(refusing.url("test"), *statements)


@pytest.mark.tidb
async def test_tidb_in_read_only_mode(served: Database, refusing: TidbServer) -> None:
    """A backup or a switch of clusters: reads go on, and writes when it is over."""
    async with Api.of(served) as api:
        for mode in ("tidb_super_read_only", "tidb_restricted_read_only"):
            await as_root(refusing, f"SET GLOBAL {mode} = ON")
            refused = await failure(api, CREATE % "Bob")
            names = await api.data(READ)
            off = "SET GLOBAL tidb_restricted_read_only = OFF", "SET GLOBAL tidb_super_read_only = OFF"
            await as_root(refusing, *off)

            assert READ_ONLY == refused
            assert {"customers": {"nodes": [{"name": "Ada"}]}} == names
        assert (await api.data(CREATE % "Bob"))["createCustomer"]["customer"]["id"]


@pytest.mark.tidb
async def test_tidb_without_a_privilege(served: Database, refusing: TidbServer) -> None:
    """On a table or on one of its columns."""
    name = served.url.database
    async with Api.of(served) as api:
        await as_root(refusing, f"REVOKE INSERT ON {name}.* FROM {name}")
        no_table = await failure(api, CREATE % "Bob")
        await as_root(refusing, f"GRANT INSERT (name) ON {name}.customers TO {name}")
        no_column = await failure(api, CREATE % "Bob")
        await as_root(refusing, f"REVOKE SELECT ON {name}.* FROM {name}")
        no_select = await failure(api, READ)

    assert [AWAY] * 3 == [no_table, no_column, no_select]


@pytest.mark.tidb
async def test_tidb_without_memory_for_a_query(served: Database, refusing: TidbServer) -> None:
    """A query that needs more than its quota needs it each time: ask for less."""
    await as_root(
        refusing, "SET GLOBAL tidb_mem_quota_query = 128", "SET GLOBAL tidb_mem_oom_action = 'CANCEL'"
    )
    try:
        async with Database(served.url) as limited, Api.of(limited) as api:
            told = await failure(api, READ)
    finally:
        await as_root(refusing, "SET GLOBAL tidb_mem_quota_query = DEFAULT")

    assert TOO_LARGE == told


@pytest.mark.tidb
async def test_tidb_with_a_transaction_beyond_its_limit(served: Database, refusing: TidbServer) -> None:
    """One entry is larger than the operator allows: nothing of it is written."""
    await as_root(refusing, "SET GLOBAL tidb_txn_entry_size_limit = 300")
    try:
        async with Database(served.url) as limited, Api.of(limited) as api:
            told = await failure(api, CREATE % ("x" * 250))
    finally:
        await as_root(refusing, "SET GLOBAL tidb_txn_entry_size_limit = DEFAULT")

    assert TOO_LARGE == told


@pytest.mark.tidb
async def test_tidb_with_another_schema(served: Database) -> None:
    """A table is missing, or an index that statements name: the versions do not fit."""
    async with Api.of(served) as api, Database(served.url) as other:
        root = other.url.driver_url.set(drivername="tidb", username="root").render_as_string()
        await run_on(root, "DROP INDEX ix_customers_archived_at_created_at ON customers")
        no_index = await failure(api, READ)
        await run_on(root, "DROP TABLE customer_words")
        no_table = await failure(api, '{ customers(search: "ada") { nodes { name } } }')
        await run_on(root, f"DROP DATABASE {other.url.database}")

    assert [MISMATCH] * 2 == [no_index, no_table]
