"""Least privilege on a real TiDB: one user who migrates, and one who serves."""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import sqlalchemy as sa

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate, privileges
from graph.cli import database_commands
from graph.cli.database_commands import CommandError
from graph.settings import Settings
from tests.processes import Serving, Spawn
from tests.shared_tidb import SharedTidb, execute

pytestmark = pytest.mark.tidb

README = (Path(__file__).parents[1] / "README.md").read_text()
MIGRATES, SERVES = re.findall(r"^GRANT (.+) ON tidegraph\.\* TO ", README, re.M)
READ = """
query ($customer: ID!, $order: ID!) {
  customer(by: {id: $customer}) { orders(last: 1) { nodes { reference lines { sku } customer { name } } } }
  customers { nodes { username } }
  order(by: {reference: "SO-1"}) { status }
  orders { nodes { status } }
  node(id: $order) { id }
  nodes(ids: [$customer, $order]) { id }
}
"""
LINE = {
    "sku": "MUG-01",
    "name": "Mug",
    "quantity": 2,
    "unitPrice": {"amount": "12.5", "currency": "EUR"},
}


class Users(NamedTuple):
    """The URLs of the two who use one database."""

    migrating: str
    serving: str


@pytest.fixture
def users(tidb: SharedTidb) -> Iterator[Users]:
    """With nothing but their grants, on a database that has no schema yet."""
    name = f"grants_{uuid4().hex[:8]}"
    grants = f"""
        CREATE DATABASE {name};
        CREATE USER {name}_m IDENTIFIED BY 'm1grates';
        GRANT {MIGRATES} ON {name}.* TO {name}_m;
        CREATE USER {name}_s IDENTIFIED BY 's3rves';
        GRANT {SERVES} ON {name}.* TO {name}_s
    """
    asyncio.run(execute(tidb.url(), grants))
    url = sa.make_url(tidb.url(name))
    migrating = url.set(username=f"{name}_m", password="m1grates")
    serving = url.set(username=f"{name}_s", password="s3rves")
    yield Users(*(each.render_as_string(hide_password=False) for each in (migrating, serving)))
    asyncio.run(execute(tidb.url(), f"DROP USER {name}_m; DROP USER {name}_s; DROP DATABASE {name}"))


def change(serving: Serving, mutation: str, **sent: Any) -> str:
    """Send a mutation that must succeed; the id of what it made, changed or deleted."""
    kind = "customer" if mutation.endswith("Customer") else "order"
    result = "deletedId" if mutation.startswith("delete") else f"{kind} {{ id }}"
    document = f"""
        mutation ($input: {mutation[0].upper()}{mutation[1:]}Input!) {{
          {mutation}(input: $input) {{ {result} userErrors {{ code message }} }}
        }}
    """
    payload = serving.post(document, input=sent)["data"][mutation]
    assert [] == payload["userErrors"]
    changed: str = payload["deletedId"] if mutation.startswith("delete") else payload[kind]["id"]
    return changed


def test_two_users_are_enough(users: Users, spawn: Spawn) -> None:
    """One migrates; the other, who reads and writes rows and nothing else, serves the whole API."""
    migrated = spawn.run("migrate", database_url=users.migrating)
    assert 0 == migrated.returncode, migrated.stderr
    serving = spawn.serve(database_url=users.serving)
    customer = change(serving, "createCustomer", username="ada", name="Ada Lovelace")
    order = change(serving, "createOrder", customerId=customer, lines=[LINE], reference="SO-1")
    changes = {
        "updateCustomer": {"id": customer, "name": "Ada King"},
        "archiveCustomer": {"id": customer},
        "restoreCustomer": {"id": customer},
        "updateOrder": {"id": order, "lines": [LINE, LINE]},
        "transitionOrder": {"id": order, "to": "CANCELLED"},
    }
    lines = [{"sku": "MUG-01"}, {"sku": "MUG-01"}]
    orders = [{"reference": "SO-1", "lines": lines, "customer": {"name": "Ada King"}}]

    assert [sent["id"] for sent in changes.values()] == [
        change(serving, mutation, **sent) for mutation, sent in changes.items()
    ]
    assert {
        "data": {
            "customer": {"orders": {"nodes": orders}},
            "customers": {"nodes": [{"username": "ada"}]},
            "order": {"status": "CANCELLED"},
            "orders": {"nodes": [{"status": "CANCELLED"}]},
            "node": {"id": order},
            "nodes": [{"id": customer}, {"id": order}],
        }
    } == serving.post(READ, customer=customer, order=order)
    assert order == change(serving, "deleteOrder", id=order)
    assert customer == change(serving, "deleteCustomer", id=customer)


async def test_the_migrating_user_brings_rows_along(users: Users, tidb: SharedTidb) -> None:
    """From a revision that had no words to find a customer by; what is there is filled in."""
    url = tidb.url(sa.make_url(users.migrating).database or "")
    now = "'2026-03-01'"
    row = f"VALUES ('ada', 'Ada Lovelace', 1, {now}, {now})"
    async with Database(DatabaseUrl.parse(url)) as database:
        await migrate.upgrade(database, "0004")
    await execute(url, f"INSERT INTO customers (username, name, version, created_at, updated_at) {row}")
    await database_commands.migrate(Settings(_env_file=None, database_url=users.migrating))
    async with Database(DatabaseUrl.parse(users.serving)) as database:
        words = await database.reader().fetch(sa.text("SELECT word FROM customer_words ORDER BY word"))

    assert [("ada",), ("lovelace",)] == words


async def test_the_serving_user_cannot_migrate(users: Users) -> None:
    """What it was not granted stays undone, and the reason is one line."""
    with pytest.raises(CommandError) as caught:
        await database_commands.migrate(Settings(_env_file=None, database_url=users.serving))

    user = sa.make_url(users.serving).username
    reason = f"CREATE command denied to user '{user}'@'%' for table 'alembic_version'"
    assert str(caught.value).endswith(f": {reason}")


async def check(url: str, **options: bool) -> tuple[bool, list[str]]:
    """Whether all is well, and the lines after the one on the schema."""
    report = await database_commands.check(Settings(_env_file=None, database_url=url), **options)
    return report.ok, report.lines[4:]


async def test_check_verifies_grants(users: Users, tidb: SharedTidb) -> None:
    """Those for serving by what the user may do, through roles too; those for migrating by SHOW GRANTS."""
    name = sa.make_url(users.serving).database
    serving = f"{name}_s"
    await database_commands.migrate(Settings(_env_file=None, database_url=users.migrating))
    fine = ["variables   ok", "grants      ok"]
    assert (True, fine) == await check(users.serving)
    assert (True, [*fine, "migration   ok"]) == await check(users.migrating, migration=True)
    missing = "migration   ALTER, CREATE, DROP, INDEX, REFERENCES is missing"
    assert (False, [*fine, missing]) == await check(users.serving, migration=True)

    await execute(
        tidb.url(name or ""),
        f"""
        REVOKE INSERT, UPDATE, DELETE ON {name}.* FROM {serving};
        GRANT INSERT, DELETE ON {name}.orders TO {serving};
        GRANT UPDATE (name, email) ON {name}.customers TO {serving};
        CREATE ROLE {name}_r;
        GRANT INSERT, DELETE ON {name}.order_lines TO {name}_r;
        GRANT {name}_r TO {serving};
        SET DEFAULT ROLE {name}_r TO {serving}
        """,
    )
    ok, lines = await check(users.serving)
    await execute(tidb.url(), f"DROP ROLE {name}_r")

    assert (False, "variables   ok") == (ok, lines[0])
    assert [
        "grants      INSERT, UPDATE, DELETE on customers is missing",
        "grants      UPDATE on orders is missing",
        "grants      INSERT, DELETE on customer_words is missing",
        "grants      INSERT, UPDATE on history is missing",
        "grants      INSERT, DELETE on idempotency_keys is missing",
    ] == lines[1:]


@pytest.mark.parametrize(
    ("pattern", "database", "covered"),
    [
        ("*", "tidegraph", True),
        ("tidegraph", "Tidegraph", True),
        ("tide%", "tidegraph", True),
        ("tide_", "tidegraph", False),
        ("a_b", "axb", True),
        (r"a\_b", "a_b", True),
        (r"a\_b", "axb", False),
        ("other", "tidegraph", False),
    ],
)
def test_a_grant_names_databases_by_a_pattern(pattern: str, database: str, covered: bool) -> None:
    """With the wildcards of LIKE, which a backslash takes away."""
    assert covered == privileges._covers(pattern, database)
