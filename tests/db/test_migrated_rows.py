"""What a migration makes of rows that are there already."""

from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from db.maintenance import migrate
from tests.db.raw_sql import run


async def test_a_history_that_is_there_learns_whose_it_is(new_url: str) -> None:
    """Of customers, of orders, and of orders that were deleted."""
    columns = "object_id, kind, version, action, at, principal, fields"
    times = "created_at, updated_at"
    changes = [
        (7, "Customer", 1, "CREATED", '{"name":[null,"Ada"]}'),
        (7, "Customer", 2, "UPDATED", '{"name":["Ada","A"]}'),
        (7, "Order", 1, "CREATED", '{"customer_id":[null,7]}'),
        (7, "Order", 2, "UPDATED", '{"status":["PENDING","PAID"]}'),
        (8, "Order", 2, "DELETED", '{"customer_id":[9,null]}'),
        (9, "Customer", 3, "DELETED", '{"name":["B",null]}'),
    ]
    moment = "'2026-01-01 00:00:00'"
    async with Database(DatabaseUrl.parse(new_url)) as database:
        await migrate.upgrade(database, "0008")
        await run(
            database,
            "SELECT 1" if database.url.is_sqlite else "SET @@allow_auto_random_explicit_insert = 1",
            f"INSERT INTO customers (id, username, name, version, {times})"
            f" VALUES (7, 'ada', 'A', 2, {moment}, {moment})",
            f"INSERT INTO orders (id, customer_id, status, total, currency, placed_at, version, {times})"
            f" VALUES (7, 7, 'PAID', 0, 'EUR', {moment}, 2, {moment}, {moment})",
            *(
                f"INSERT INTO history ({columns}) VALUES"
                f" ({row_id}, '{kind}', {version}, '{action}', {moment}, 'x', '{fields}')"
                for row_id, kind, version, action, fields in changes
            ),
        )
        await migrate.upgrade(database)
        found = await run(database, "SELECT kind, object_id, customer_id FROM history ORDER BY 1, 2, version")

    assert [
        ("Customer", 7, 7),
        ("Customer", 7, 7),
        ("Customer", 9, 9),
        ("Order", 7, 7),
        ("Order", 7, 7),
        ("Order", 8, 9),
    ] == [tuple(row) for row in found]
