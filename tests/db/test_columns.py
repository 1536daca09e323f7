"""What the columns keep: exact money, microseconds, text as it was sent, and ids that never come back."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
import sqlalchemy as sa

from db import customers, errors, money, orders
from db.engine.database import Database
from db.models import customers as customer_table
from db.models import order_lines as line_table
from db.models import orders as order_table
from db.money import Money
from tests.db.raw_sql import run
from tests.factories import create_customer, create_order, line

tidb_only = pytest.mark.parametrize("database_url", ["asyncmy"], indirect=True)
sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def test_sums_and_comparisons_are_exact(database: Database) -> None:
    """Also those that floating point gets wrong: 0.1 + 0.2 is 0.3."""
    customer = await create_customer(database)
    for amount in ("0.1", "0.2"):
        await create_order(database, customer, total=Money(Decimal(amount), "EUR"))
    total = sa.func.sum(order_table.c.total)
    statement = sa.select(
        total, total == Decimal("0.3"), total > Decimal("0.3"), sa.func.max(order_table.c.total)
    )
    rows = await database.reader().fetch(statement)

    assert [(Decimal("0.3"), True, False, Decimal("0.2"))] == [tuple(row) for row in rows]


async def test_the_largest_amount_is_kept_and_compared(database: Database) -> None:
    """To its last place, where a double of it would be rounded."""
    customer = await create_customer(database)
    largest = await create_order(database, customer, total=Money(money.MAX_AMOUNT, "EUR"))
    below = money.MAX_AMOUNT - Decimal("0.0001")
    await create_order(database, customer, total=Money(below, "EUR"))
    statement = sa.select(order_table.c.id, order_table.c.total).where(order_table.c.total > below)
    sums = await database.reader().fetch(sa.select(sa.func.sum(order_table.c.total)))

    assert [(largest.id, Decimal("99999999999.9999"))] == list(await database.reader().fetch(statement))
    assert Decimal("199999999999.9997") == sums[0][0]


async def test_an_amount_comes_back_with_four_places(database: Database) -> None:
    """The same on both databases, from 0 up."""
    customer = await create_customer(database)
    amounts = ["0", "0.0001", "12.5", "20"]
    for amount in amounts:
        await create_order(database, customer, total=Money(Decimal(amount), "EUR"))
    statement = sa.select(order_table.c.total).order_by(order_table.c.total)
    rows = await database.reader().fetch(statement)

    assert ["0.0000", "0.0001", "12.5000", "20.0000"] == [str(row[0]) for row in rows]


@sqlite_only
async def test_sqlite_stores_no_real_number(database: Database) -> None:
    """Whatever its value, money is stored as an integer of ten-thousandths."""
    customer = await create_customer(database)
    await create_order(database, customer, line(price="12.5"), line(price="0.0001"))
    typeof = [
        f"SELECT DISTINCT typeof({column.name}) FROM {table.name}"
        for table in (customer_table, order_table, line_table)
        for column in table.c
    ]
    types = {row[0] for statement in typeof for row in await run(database, statement)}

    assert {"integer", "text", "null"} == types
    assert [(125001,)] == await run(database, "SELECT total FROM orders")
    assert [(1,), (125000,)] == await run(database, "SELECT unit_price FROM order_lines ORDER BY 1")


@pytest.mark.parametrize("microsecond", [0, 1, 100_000, 999_999])
async def test_microseconds_are_kept(database: Database, microsecond: int) -> None:
    """Times come back aware and in UTC, and are compared to the microsecond."""
    moment = datetime(2024, 2, 29, 23, 59, 59, microsecond, UTC)
    order = await create_order(database, await create_customer(database), placed_at=moment)
    (stored,) = await orders.get_many(database.reader(), "id", [order.id])
    just_before = sa.select(order_table.c.id).where(order_table.c.placed_at < moment)
    just_after = sa.select(order_table.c.id).where(
        order_table.c.placed_at < moment + timedelta(microseconds=1)
    )

    assert order == stored
    assert moment == stored.placed_at
    assert UTC == stored.placed_at.tzinfo
    assert [] == await database.reader().fetch(just_before)
    assert [(order.id,)] == await database.reader().fetch(just_after)


async def test_a_time_with_an_offset_is_stored_in_utc(database: Database) -> None:
    """Across the day's end too."""
    moment = datetime(2024, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    order = await create_order(database, await create_customer(database), placed_at=moment)
    (stored,) = await orders.get_many(database.reader(), "id", [order.id])

    assert datetime(2023, 12, 31, 22, 30, tzinfo=UTC) == stored.placed_at


@pytest.mark.parametrize("year", [1, 999, 9999])
async def test_the_first_and_the_last_years_are_kept(database: Database, year: int) -> None:
    """A time is what Python can hold; drivers write years below 1000 with four digits."""
    moment = datetime(year, 6, 1, tzinfo=UTC)
    order = await create_order(database, await create_customer(database), placed_at=moment)
    (stored,) = await orders.get_many(database.reader(), "id", [order.id])

    assert moment == stored.placed_at


@pytest.mark.parametrize(
    "text",
    [
        "zoe",
        "Zoé",
        "zo\u0308e",
        "zoe ",
        "Zoë 🦀",
        "100%s %(name)s",
        "a'b\"c\\d`e",
        "line\nline\ttab",
        "-- ; /*",
    ],
)
async def test_text_comes_back_as_it_was_sent(database: Database, text: str) -> None:
    """Nothing in it means anything to the driver or to the database."""
    customer = await create_customer(database, username=text, name=text)
    (stored,) = await customers.get_many(database.reader(), "username", [text])

    assert customer == stored
    assert text == stored.name


async def test_text_is_compared_by_code_point(database: Database) -> None:
    """Case, accents, composition and trailing spaces tell handles apart; the order is the code points'."""
    names = ["Zoe", "zoe", "zoe ", "zoé", "zoe\u0301", "zöe", "a", "B", "🦀"]
    for name in names:
        await create_customer(database, username=name)
    statement = sa.select(customer_table.c.username).order_by(customer_table.c.username)
    rows = await database.reader().fetch(statement)

    assert sorted(names) == [row[0] for row in rows]
    for name in names:
        found = await customers.get_many(database.reader(), "username", [name])
        assert [name] == [customer.username for customer in found]


async def test_an_id_is_not_given_out_again(database: Database) -> None:
    """Also not that of the last row, after it was deleted."""
    first = await create_customer(database)
    await database.write(lambda transaction: customers.delete(transaction, first.id))
    second = await create_customer(database)

    assert first.id != second.id
    assert 0 < first.id < 2**53
    assert 0 < second.id < 2**53


async def test_an_order_belongs_to_a_customer(database: Database) -> None:
    """The database itself refuses an order of nobody, and lines that lose their order."""
    order = await create_order(database, await create_customer(database), line())
    orphan = {**order._asdict(), "customer_id": 7}
    del orphan["id"]
    statements: list[sa.Executable] = [order_table.insert().values(orphan), order_table.delete()]
    for statement in statements:
        with pytest.raises(errors.ForeignKeyViolation):
            await database.write(lambda transaction, each=statement: transaction.execute(each))


@tidb_only
@pytest.mark.tidb
async def test_tidb_scatters_keys_that_javascript_can_hold(database: Database) -> None:
    """AUTO_RANDOM(5, 54), clustered: the row lies in the key."""
    name = database.url.database
    rows = await run(
        database,
        "SELECT table_name, tidb_row_id_sharding_info, tidb_pk_type FROM information_schema.tables "
        f"WHERE table_schema = '{name}' AND table_name NOT IN ('alembic_version', 'schema_info') ORDER BY 1",
    )

    expected = [
        ("api_keys", "NOT_SHARDED", "CLUSTERED"),
        ("customer_words", "NOT_SHARDED", "CLUSTERED"),
        ("customers", "PK_AUTO_RANDOM_BITS=5, RANGE BITS=54", "CLUSTERED"),
        ("history", "NOT_SHARDED", "CLUSTERED"),
        ("idempotency_keys", "NOT_SHARDED", "CLUSTERED"),
        ("order_lines", "NOT_SHARDED", "CLUSTERED"),
        ("orders", "PK_AUTO_RANDOM_BITS=5, RANGE BITS=54", "CLUSTERED"),
    ]
    assert expected == rows


@tidb_only
@pytest.mark.tidb
async def test_tidb_has_the_types_and_keys_that_the_models_mean(database: Database) -> None:
    """Exact money, microseconds, one collation, and foreign keys that hold."""
    where = f"table_schema = '{database.url.database}' AND table_name <> 'alembic_version'"
    types = await run(
        database, f"SELECT DISTINCT column_type FROM information_schema.columns WHERE {where} ORDER BY 1"
    )
    collations = await run(
        database,
        "SELECT DISTINCT collation_name FROM information_schema.columns "
        f"WHERE {where} AND collation_name IS NOT NULL",
    )
    references = await run(
        database,
        "SELECT table_name, referenced_table_name FROM "
        f"information_schema.referential_constraints WHERE constraint_schema = '{database.url.database}' "
        "ORDER BY 1",
    )

    kinds = {row[0] for row in types if not row[0].startswith("varchar")}
    assert {"bigint", "int", "datetime(6)", "decimal(19,4)", "mediumtext"} == kinds
    assert [("utf8mb4_0900_bin",)] == collations
    expected = [("customer_words", "customers"), ("order_lines", "orders"), ("orders", "customers")]
    assert expected == references
