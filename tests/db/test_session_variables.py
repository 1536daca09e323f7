"""Results and constraints do not depend on the global variables that an operator has set."""

from collections.abc import AsyncIterator, Iterator

import pytest

from db import customers, domain_errors, errors, models, orders
from db.engine import session_variables
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate, seed
from db.maintenance.migrate import Schema, State
from db.maintenance.sample_data import Sample
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from graph.cli import database_commands
from tests.api import Api
from tests.db.raw_sql import run, run_on
from tests.factories import TEN_EUROS, create_customer, create_order, line
from tests.prepare_database import settings_of
from tests.tidb.server import TidbServer

pytestmark = pytest.mark.tidb

# Each changes results or constraints of sessions that do not set it themselves.
HOSTILE = {
    "tidb_txn_mode": "'optimistic'",
    "transaction_isolation": "'REPEATABLE-READ'",
    "foreign_key_checks": "OFF",
    "unique_checks": "OFF",
    "tidb_constraint_check_in_place": "OFF",
    "tidb_dml_batch_size": "1",
    "tidb_enable_batch_dml": "ON",
    "sql_select_limit": "2",
    "max_execution_time": "1",
    "group_concat_max_len": "4",
    "cte_max_recursion_depth": "1",
    "tidb_enable_window_function": "OFF",
    "tidb_low_resolution_tso": "ON",
    "tidb_guarantee_linearizability": "OFF",
    "time_zone": "'+05:45'",
    "sql_mode": "'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
    "div_precision_increment": "0",
    "default_week_format": "3",
    "tidb_skip_utf8_check": "ON",
    "auto_increment_increment": "7",
    "auto_increment_offset": "3",
    "tidb_shard_allocate_step": "1",
    "autocommit": "OFF",
    "character_set_results": "'latin1'",
    "tidb_redact_log": "ON",
    "init_connect": (
        "\"SET NAMES latin1, tidb_read_staleness = -5, tidb_dml_type = 'bulk', tidb_batch_insert = ON, "
        "tidb_batch_delete = ON, tidb_batch_commit = ON, tidb_read_consistency = 'weak', "
        'tidb_constraint_check_in_place_pessimistic = OFF"'
    ),
}
NEVER_DELETED = "expired idempotency keys are never deleted"
READ = "{ customers { nodes { name } } }"
CREATE = 'mutation { createCustomer(input: { username: "new", name: "New" }) { customer { id } } }'
# In this order they can also be set back.
UNSUITABLE = {
    "tidb_enable_foreign_key": "OFF",
    "tidb_ttl_job_enable": "OFF",
    "max_allowed_packet": "1048576",
    "tidb_restricted_read_only": "ON",
    "tidb_super_read_only": "ON",
}
# Nothing depends on these: new ids are read back.
UNUSED = {"auto_increment_increment", "auto_increment_offset", "tidb_shard_allocate_step"}


@pytest.fixture(scope="module")
def hostile(own_tidb: type[TidbServer]) -> Iterator[TidbServer]:
    """A TiDB whose global variables are all set against us, except for `root`, whom init_connect spares."""
    with own_tidb() as server:
        yield server


@pytest.fixture(params=["asyncmy", "aiomysql"])
async def database(hostile: TidbServer, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """The server's own pools, as a user to whom init_connect applies."""
    name = f"hostile_{request.param}"
    url = hostile.url(name)
    # Names in quotes are none with ANSI_QUOTES.
    await run_on(url.replace(name, "test"), "SET GLOBAL sql_mode = DEFAULT")
    async with Database(DatabaseUrl.parse(url)) as migrating:
        await migrate.upgrade(migrating)
        await run(
            migrating, *(f"DELETE FROM {table.name}" for table in reversed(models.metadata.sorted_tables))
        )
        await run(
            migrating,
            f"CREATE USER IF NOT EXISTS {name}",
            f"GRANT ALL ON {name}.* TO {name}",
            *(f"SET GLOBAL {variable} = {value}" for variable, value in HOSTILE.items()),
        )
    url = url.replace("tidb://root", f"mysql+{request.param}://{name}")
    async with Database(DatabaseUrl.parse(url), Limits(lock_timeout=1)) as database:
        yield database


async def run_as_root(database: Database, *statements: str) -> None:
    root = database.url.driver_url.set(drivername="tidb", username="root", password=None, database="test")
    await run_on(root.render_as_string(), *statements)


async def test_a_new_session_has_the_variables_that_are_set(database: Database) -> None:
    """In every pool; none of the hostile values is left."""
    wanted = database.limits.session_variables
    for engine in (database.reads, database.writes, database.probes):
        async with engine.connect() as connection:
            assert [] == await session_variables.different(connection, wanted)

    assert {"autocommit", "character_set_results", "tidb_redact_log", "tidb_enable_batch_dml", *UNUSED} == (
        HOSTILE.keys() - wanted.keys() - {"init_connect"}
    )


async def test_a_page_is_as_long_as_it_should_be(database: Database) -> None:
    """sql_select_limit cut off the row that says whether there is another page; nested ones use a window."""
    ada = await create_customer(database, name="Zoë 日本")
    for number in range(5):
        await create_order(database, ada, line(), line(), reference=f"R-{number}")
    query = """{
      orders(first: 4) { totalCount { value } nodes { lines { sku } } pageInfo { hasNextPage } }
      customers { nodes { name orders(first: 3) { nodes { reference } pageInfo { hasNextPage } } } }
    }"""
    async with Api.of(database) as api:
        data = await api.data(query)

    assert (5, True) == (data["orders"]["totalCount"]["value"], data["orders"]["pageInfo"]["hasNextPage"])
    assert [2] * 4 == [len(node["lines"]) for node in data["orders"]["nodes"]]
    (customer,) = data["customers"]["nodes"]
    assert "Zoë 日本" == customer["name"]
    assert (3, True) == (len(customer["orders"]["nodes"]), customer["orders"]["pageInfo"]["hasNextPage"])


async def test_a_customer_is_not_deleted_under_a_new_order(database: Database) -> None:
    """With optimistic transactions both succeeded, and the order was left without a customer."""
    ada = await create_customer(database)
    async with database.writes.connect() as connection:
        await connection.begin()
        transaction = Transaction(connection, Deadline.none(), QueryStatistics())
        await orders.insert(transaction, {"customer_id": ada.id}, TEN_EUROS, [])
        with pytest.raises(errors.Conflict):
            await database.write(lambda other: customers.delete(other, ada.id))
        await connection.commit()

    assert [(ada.id,)] == await run(database, "SELECT customer_id FROM orders")
    assert [(ada.id,)] == await run(database, "SELECT id FROM customers")


async def test_bulk_writes_arrive_whole(database: Database) -> None:
    """Sample data goes in by many rows a statement; all of it agrees afterwards."""
    await seed.fill(database, Sample(1), customer_count=20, orders_each=3, progress=lambda _rows: None)
    counts = await run(database, "SELECT (SELECT COUNT(*) FROM customers), (SELECT COUNT(*) FROM orders)")
    report = await database_commands.check_data(database, Schema(State.CURRENT))

    assert [(20, 60)] == counts
    assert report.ok, report.lines


async def test_a_duplicate_is_named_although_messages_are_redacted(database: Database) -> None:
    """Its column is read from the message."""
    await create_customer(database, username="ada")
    with pytest.raises(domain_errors.Taken) as taken:
        await create_customer(database, username="ada")

    assert "username" == taken.value.field


async def test_check_names_the_variables_that_keep_it_from_serving(database: Database) -> None:
    """Those that no session can set; and a session that something between has changed."""
    fine = await database_commands.check(settings_of(str(database.url)))
    for variable, value in UNSUITABLE.items():
        await run_as_root(database, f"SET GLOBAL {variable} = {value}")
    async with database.reads.connect() as connection:
        await connection.exec_driver_sql("SET foreign_key_checks = OFF, sql_select_limit = 7")
        changed = await session_variables.different(connection, database.limits.session_variables)
    report = await database_commands.check(settings_of(str(database.url)))
    for variable in UNSUITABLE:
        await run_as_root(database, f"SET GLOBAL {variable} = DEFAULT")

    assert (True, ["variables   ok", "grants      ok"]) == (fine.ok, fine.lines[4:])
    assert [
        "foreign_key_checks is 0 after it was set to ON",
        "sql_select_limit is 7 after it was set to 18446744073709551615",
    ] == changed
    assert (
        False,
        [
            "variables   tidb_super_read_only is 1 and should be OFF: nothing can be written",
            "variables   tidb_restricted_read_only is 1 and should be OFF: nothing can be written",
            "variables   tidb_enable_foreign_key is 0 and should be ON: orders can lose their customers",
            f"variables   tidb_ttl_job_enable is 0 and should be ON: {NEVER_DELETED}",
            "variables   max_allowed_packet is 1048576 and should be at least 16777216",
            "grants      Running in read-only mode",
        ],
    ) == (report.ok, report.lines[4:])


async def test_a_server_that_lacks_a_variable_is_not_used(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older TiDB, or MySQL: no connection is made, and `check` names the variable."""
    monkeypatch.setattr(session_variables, "FIXED", {**session_variables.FIXED, "tidb_no_such_variable": 1})
    async with Database(database.url) as older, Api.of(older) as api:
        codes = {await api.code(query) for query in (READ, CREATE)}
    report = await database_commands.check(settings_of(str(database.url)))

    assert {"SERVICE_UNAVAILABLE"} == codes
    assert not report.ok
    assert "reachable   no: Unknown system variable 'tidb_no_such_variable'" == report.lines[-1]
