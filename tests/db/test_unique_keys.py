"""Unique text of older versions gets its normal form: nothing aborts, and the oldest has the key."""

from typing import Any

from db import customers, orders
from db.engine.database import Database
from db.maintenance import data_checks, migrate
from db.models import customers as customers_table
from db.models import orders as orders_table
from tests.api import Api
from tests.db.raw_sql import run
from tests.factories import create_customer, create_order

MARKED = "\u2060"


async def age(database: Database, table: Any, row_id: int, text: dict[str, str], number: int) -> None:
    """Make a row what an older version stored, created in the order of numbers."""
    created = {"created_at": f"2020-01-01 00:00:{number:02}.000000"}
    names = ", ".join(f"{name} = '{value}'" for name, value in {**created, **text}.items())
    await run(database, f"UPDATE {table.name} SET {names} WHERE id = {row_id}")


async def store_older(database: Database, texts: list[dict[str, str]]) -> list[int]:
    """Customers of an older version, the oldest first."""
    ids = [(await create_customer(database)).id for _ in texts]
    await migrate.downgrade(database, "0012")
    for number, (row_id, text) in enumerate(zip(ids, texts, strict=True)):
        await age(database, customers_table, row_id, text, number)
    await migrate.upgrade(database)
    return ids


async def shown(api: Api, query: str) -> Any:
    (found,) = (await api.data(f"{{ {query} }}")).values()
    return found


async def test_usernames_get_their_normal_form(database: Database, api: Api) -> None:
    """Of those that become equal the oldest has the key, whatever it looked like."""
    texts = ["\ufeffbob", "bob", "bob ", "ann", "\ufeffann", "jose\u0301", "\u200b"]
    ids = await store_older(database, [{"username": text} for text in texts])
    stored = {row.id: row.username for row in await customers.get_many(database.reader(), "id", ids)}
    finding = await data_checks.check_customer_keys(database)

    assert ["bob", MARKED + "bob", "bob ", "ann", "\ufeffann", "jos\u00e9", "\u200b"] == [
        stored[each] for each in ids
    ]
    assert (7, sorted([ids[1], ids[2], ids[4], ids[6]])) == (finding.checked, finding.wrong)
    for text, place in (("bob", 0), ("\ufeffbob ", 0), ("ann", 3), ("jos\u00e9", 5)):
        found = await customers.get_many(database.reader(), "id", [ids[place]])
        assert {"username": found[0].username} == await shown(
            api, f'customer(by: {{ username: "{text}" }}) {{ username }}'
        )


async def test_addresses_get_a_key(database: Database, api: Api) -> None:
    """They are shown as they were; those without a key get one when they are edited to another address."""
    texts = [
        "Ada@Example.com",
        "ada@example.com",
        "ADA@EXAMPLE.COM",
        "bob@example.com",
        "BOB@example.com",
        "Eve@e.org",
    ]
    ids = await store_older(database, [{"email": text} for text in texts])
    rows = {row.id: row for row in await customers.get_many(database.reader(), "id", ids)}
    finding = await data_checks.check_customer_keys(database)
    await database.write(
        lambda transaction: customers.update(transaction, ids[1], {"email": "Other@example.com"})
    )
    left = await data_checks.check_customer_keys(database)

    assert texts == [rows[each].shown_email for each in ids]
    assert ["ada@example.com", None, None, "bob@example.com", None, "eve@e.org"] == [
        rows[each].email for each in ids
    ]
    assert sorted([ids[1], ids[2], ids[4]]) == finding.wrong
    assert sorted([ids[2], ids[4]]) == left.wrong
    assert {"email": "Ada@Example.com"} == await shown(
        api, 'customer(by: { email: "ada@EXAMPLE.com" }) { email }'
    )
    assert {"nodes": []} == await shown(
        api, "customers(where: { email: { isNull: true } }) { nodes { email } }"
    )


async def test_references_get_their_normal_form(database: Database, api: Api) -> None:
    """The same for orders."""
    customer = await create_customer(database)
    texts = ["U\u0308-1", "\u00dc-1", "\ufeff\u00dc-1", "x"]
    ids = [(await create_order(database, customer, reference=f"r{number}")).id for number in range(4)]
    await migrate.downgrade(database, "0012")
    for number, (row_id, text) in enumerate(zip(ids, texts, strict=True)):
        await age(database, orders_table, row_id, {"reference": text}, number)
    await migrate.upgrade(database)
    stored = {row.id: row.reference for row in await orders.get_many(database.reader(), "id", ids)}
    finding = await data_checks.check_order_keys(database)

    assert ["\u00dc-1", MARKED + "\u00dc-1", "\ufeff\u00dc-1", "x"] == [stored[each] for each in ids]
    assert sorted(ids[1:3]) == finding.wrong
    assert {"reference": "\u00dc-1"} == await shown(
        api, 'order(by: { reference: "U\u0308-1" }) { reference }'
    )


async def test_addresses_go_back_and_forth(database: Database) -> None:
    """A downgrade restores them, colliding ones too; migrated again, they are as they were."""
    texts = ["Ada@Example.com", "ada@example.com"]
    ids = await store_older(database, [{"email": text} for text in texts])
    await migrate.downgrade(database, "0012")
    restored = dict(await run(database, "SELECT id, email FROM customers"))
    await migrate.upgrade(database)
    rows = {row.id: row for row in await customers.get_many(database.reader(), "id", ids)}

    assert texts == [restored[each] for each in ids]
    assert [("ada@example.com", texts[0]), (None, texts[1])] == [
        (rows[each].email, rows[each].entered_email) for each in ids
    ]
