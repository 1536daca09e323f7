"""The rules of customers, on both databases."""

import asyncio
from typing import Any

import pytest

from db import customers, domain_errors
from db.audit import changes
from db.engine.database import Database
from db.models import Customer, Order
from tests.factories import create_customer, create_order

NOBODY = 7


async def _update(database: Database, customer: Customer, **values: Any) -> Customer:
    return await database.write(lambda transaction: customers.update(transaction, customer.id, values))


async def _archive(database: Database, customer: Customer) -> Customer:
    return await database.write(lambda transaction: customers.archive(transaction, customer.id))


async def _restore(database: Database, customer: Customer) -> Customer:
    return await database.write(lambda transaction: customers.restore(transaction, customer.id))


async def _delete(database: Database, customer_id: int) -> int:
    return await database.write(lambda transaction: customers.delete(transaction, customer_id))


async def _stored(database: Database, customer: Customer) -> list[Customer]:
    return await customers.get_many(database.reader(), "id", [customer.id])


async def test_a_new_customer_is_stored_as_it_comes_back(database: Database) -> None:
    """With version 1, one moment for both times, and no archive."""
    before = changes.utc_now()
    customer = await create_customer(database, username="zoe", name="Zoe", email="zoe@example.com")
    after = changes.utc_now()

    expected = Customer(
        customer.id, "zoe", "Zoe", "zoe@example.com", 1, customer.created_at, customer.created_at, None
    )
    assert expected == customer
    assert [customer] == await _stored(database, customer)
    assert before <= customer.created_at <= after


async def test_customers_are_found_by_each_unique_column(database: Database) -> None:
    """Several at once, in no order; what is not there is left out, what is archived is not."""
    zoe = await create_customer(database, username="zoe", email="zoe@example.com")
    ann = await _archive(database, await create_customer(database, username="ann"))
    found = {
        column: await customers.get_many(database.reader(), column, values)
        for column, values in (
            ("id", [zoe.id, ann.id, NOBODY]),
            ("username", ["ann", "zoe", "nobody"]),
            ("email", ["zoe@example.com", "nobody@example.com"]),
        )
    }

    assert {zoe, ann} == set(found["id"])
    assert {zoe, ann} == set(found["username"])
    assert [zoe] == found["email"]


@pytest.mark.parametrize(
    ("values", "field"), [({"username": "zoe"}, "username"), ({"email": "zoe@example.com"}, "email")]
)
async def test_a_value_that_is_taken_is_refused(
    database: Database, values: dict[str, str], field: str
) -> None:
    """By a new customer and by a changed one; nothing changes."""
    zoe = await create_customer(database, username="zoe", email="zoe@example.com")
    ann = await create_customer(database, username="ann", email="ann@example.com")
    with pytest.raises(domain_errors.Taken) as by_insert:
        await create_customer(database, **values)
    with pytest.raises(domain_errors.Taken) as by_update:
        await _update(database, ann, name="Changed", **values)

    assert field == by_insert.value.field
    assert field == by_update.value.field
    assert [ann] == await _stored(database, ann)
    assert [zoe] == await _stored(database, zoe)


@pytest.mark.parametrize(
    "username", ["FOREIGN KEY", "UNIQUE constraint failed: a.b", "x' for key 'y", "x' for key \"y"]
)
async def test_a_taken_value_may_say_anything(database: Database, username: str) -> None:
    """Also what looks like another error's message."""
    await create_customer(database, username=username)
    with pytest.raises(domain_errors.Taken) as taken:
        await create_customer(database, username=username)

    assert "username" == taken.value.field


async def test_an_archived_customer_keeps_its_handle(database: Database) -> None:
    """Nobody else gets it."""
    await _archive(database, await create_customer(database, username="zoe"))
    with pytest.raises(domain_errors.Taken):
        await create_customer(database, username="zoe")


async def test_many_customers_without_an_email(database: Database) -> None:
    """An address that is not there is not taken."""
    rows = [await create_customer(database) for _ in range(3)]

    assert [None, None, None] == [row.email for row in rows]


async def test_a_change_raises_the_version_by_one(database: Database) -> None:
    """However many fields it changes; `updated_at` is the change's moment."""
    old = await create_customer(database, username="zoe", name="Zoe", email="zoe@example.com")
    new = await _update(database, old, username="zoë", name="Zoë", email=None)

    expected = old._replace(username="zoë", name="Zoë", email=None, version=2, updated_at=new.updated_at)
    assert expected == new
    assert old.updated_at < new.updated_at
    assert [new] == await _stored(database, new)


@pytest.mark.parametrize("values", [{}, {"name": "Zoe"}, {"username": "zoe", "email": None}])
async def test_a_change_that_changes_nothing_keeps_the_version(
    database: Database, values: dict[str, Any]
) -> None:
    """And `updated_at`."""
    customer = await create_customer(database, username="zoe", name="Zoe")

    assert customer == await _update(database, customer, **values)
    assert [customer] == await _stored(database, customer)


async def test_archiving_twice_is_archiving_once(database: Database) -> None:
    """The second time keeps the moment and the version; so does restoring."""
    customer = await create_customer(database)
    archived = await _archive(database, customer)
    archived_again = await _archive(database, customer)
    restored = await _restore(database, customer)
    restored_again = await _restore(database, customer)

    assert archived.archived_at is not None
    assert customer._replace(version=2, **_times(archived)) == archived
    assert archived == archived_again
    assert customer._replace(version=3, updated_at=restored.updated_at) == restored
    assert restored == restored_again
    assert [restored] == await _stored(database, customer)


async def test_who_is_not_there_is_not_found(database: Database) -> None:
    """By the id that was named, in the field of the input."""
    for work in (customers.archive, customers.restore, customers.delete, customers.lock):
        with pytest.raises(domain_errors.NotFound) as missing:
            await database.write(lambda transaction, each=work: each(transaction, NOBODY))

        assert ("Customer", NOBODY, "id") == (missing.value.kind, missing.value.id, missing.value.field)
    with pytest.raises(domain_errors.NotFound):
        await database.write(lambda transaction: customers.update(transaction, NOBODY, {"name": "Zoe"}))


async def test_a_customer_without_orders_is_deleted(database: Database) -> None:
    """Its handle is free then."""
    customer = await create_customer(database, username="zoe")
    deleted = await _delete(database, customer.id)

    assert customer.id == deleted
    assert [] == await _stored(database, customer)
    assert "zoe" == (await create_customer(database, username="zoe")).username


async def test_a_customer_with_orders_is_not_deleted(database: Database) -> None:
    """Archived or not."""
    customer = await create_customer(database)
    await create_order(database, customer)
    with pytest.raises(domain_errors.CustomerHasOrders):
        await _delete(database, customer.id)
    archived = await _archive(database, customer)
    with pytest.raises(domain_errors.CustomerHasOrders):
        await _delete(database, customer.id)

    assert [archived] == await _stored(database, customer)


def _times(customer: Customer) -> dict[str, Any]:
    return {"archived_at": customer.archived_at, "updated_at": customer.updated_at}


async def test_of_a_deletion_and_a_new_order_at_once_one_wins(database: Database) -> None:
    """There is never an order of nobody."""
    for _ in range(10):
        customer = await create_customer(database)
        order, deleted = await asyncio.gather(
            create_order(database, customer), _delete(database, customer.id), return_exceptions=True
        )

        outcome = (type(order), type(deleted))
        assert outcome in {(Order, domain_errors.CustomerHasOrders), (domain_errors.NotFound, int)}
