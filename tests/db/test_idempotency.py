"""Idempotency keys: their owner, their lifetime, and that a change and its key row are committed together."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from db import customers, domain_errors, errors
from db.audit import changes
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.engine.pools import Limits
from db.engine.urls import DatabaseUrl
from db.idempotency import idempotent_writes, stored_results
from db.idempotency.idempotent_writes import IdempotencyKey, IdempotentWrite
from db.models import Customer
from db.models import idempotency_keys as keys
from db.query_statistics import QueryStatistics
from db.reader import Transaction
from tests.conftest import on_tidb
from tests.factories import create_customer
from tests.two_customers import TwoCustomers

DAY = timedelta(days=1)


def key(
    principal: str = "me", text: str = "key-1", digest: str = "a", lifetime: timedelta = DAY
) -> IdempotencyKey:
    return IdempotencyKey(principal, text, "createCustomer", digest, lifetime)


async def insert(database: Database, username: str, under: IdempotencyKey) -> Any:
    async def work(transaction: Transaction) -> Customer:
        return await customers.insert(transaction, {"username": username, "name": "Name"})

    deadline = Deadline.after(10)
    return await IdempotentWrite(
        database, under, None, deadline, QueryStatistics(), database.attempts(deadline)
    ).run(work)


async def expire(database: Database) -> None:
    """As if all keys had been written a day earlier."""
    past = changes.utc_now() - timedelta(seconds=1)
    await database.write(lambda transaction: transaction.execute(keys.update().values(expires_at=past)))


async def stored(database: Database) -> list[tuple[str, str]]:
    rows = await database.reader().fetch(sa.select(keys.c.principal, keys.c.input_hash))
    return sorted((row[0], row[1]) for row in rows)


async def test_keys_belong_to_their_caller(database: Database) -> None:
    """Two callers with one key do not know of each other."""
    mine = await insert(database, "ada", key("me"))
    yours = await insert(database, "grace", key("you", digest="b"))

    assert ("ada", "grace") == (mine.username, yours.username)
    assert mine == await insert(database, "ada", key("me"))
    assert yours == await insert(database, "grace", key("you", digest="b"))
    assert [("me", "2:a"), ("you", "2:b")] == await stored(database)


async def test_replays_count_towards_the_callers_pool_quota(database_url: str) -> None:
    """All that one caller sends again together leaves something of the pool for the others."""
    limits = Limits(pool_size=5, pool_timeout=0.1)
    async with Database(DatabaseUrl.parse(database_url), limits) as database, AsyncExitStack() as held:
        mine = await insert(database, "ada", key("me"))
        yours = await insert(database, "grace", key("you"))
        for _ in range(4):
            await held.enter_async_context(database._read_quota.slot("me"))

        with pytest.raises(errors.PoolExhausted):
            await insert(database, "ada", key("me"))
        assert yours == await insert(database, "grace", key("you"))
        await held.aclose()
        assert mine == await insert(database, "ada", key("me"))


async def test_a_result_is_replayed_only_under_the_same_restriction(two: TwoCustomers) -> None:
    """Not by the same caller either, when it may see one customer's rows only, or another's by then."""

    async def rename(owner: int | None) -> Any:
        async def work(transaction: Transaction) -> Customer:
            return await customers.update(transaction, two.bob.id, {"name": "Robert"})

        under = IdempotencyKey("jwt:ada", "key-1", "updateCustomer", "a", DAY, owner=owner)
        deadline = Deadline.after(10)
        once = IdempotentWrite(
            two.database, under, None, deadline, QueryStatistics(), two.database.attempts(deadline)
        )
        return await once.run(work)

    renamed = await rename(two.bob.id)

    assert renamed == await rename(two.bob.id)
    for owner in (two.ada.id, None):
        with pytest.raises(domain_errors.KeyReused):
            await rename(owner)


# The first version's hashes of the input "a", for any caller and for one that is restricted to customer 1.
LEGACY = {None: "a", 1: "58cc16c2c54dcee60e0c72866fc9f08b9ab0e1798ef34f69130f2c990d915608"}


@pytest.mark.parametrize("owner", LEGACY)
async def test_a_row_of_the_first_version_matches(database: Database, owner: int | None) -> None:
    """By the input's first hash, never by the new one, and for the same owner only."""
    stored_row = {"principal": "me", "idempotency_key": "key-1", "mutation": "createCustomer"}
    stored_row |= {"input_hash": LEGACY[owner], "outcome": "1"}
    now = changes.utc_now()
    row = {**stored_row, "created_at": now, "expires_at": now + DAY}
    await database.write(lambda transaction: transaction.execute(keys.insert().values(row)))

    assert 1 == await insert(database, "ada", key(digest="b")._replace(owner=owner, legacy_hash=lambda: "a"))
    for other in (
        key(digest="a")._replace(owner=owner),
        key(digest="a")._replace(owner=owner, legacy_hash=lambda: "b"),
        key(digest="a")._replace(owner=2, legacy_hash=lambda: "a"),
    ):
        with pytest.raises(domain_errors.KeyReused):
            await insert(database, "ada", other)


async def test_an_expired_key_counts_as_absent(database: Database) -> None:
    """Although its row is there: it may be used for something else, and is kept for that then."""
    await insert(database, "ada", key(digest="a"))
    with pytest.raises(domain_errors.KeyReused):
        await insert(database, "grace", key(digest="b"))
    await expire(database)
    grace = await insert(database, "grace", key(digest="b"))

    assert "grace" == grace.username
    assert grace == await insert(database, "grace", key(digest="b"))
    assert [("me", "2:b")] == await stored(database)


async def test_an_expired_key_is_used_again_once(database: Database) -> None:
    """By several at once: one of them runs."""
    await insert(database, "ada", key())
    await expire(database)
    several = await asyncio.gather(*(insert(database, "grace", key()) for _ in range(8)))

    assert [several[0]] * 8 == several
    assert "grace" == several[0].username
    assert [("me", "2:a")] == await stored(database)


async def test_a_key_lives_as_long_as_it_was_given(database: Database) -> None:
    """From the change on, by the server's clock."""
    await insert(database, "ada", key(lifetime=timedelta(hours=3)))
    ((created, expires),) = await database.reader().fetch(sa.select(keys.c.created_at, keys.c.expires_at))

    assert timedelta(hours=3) == expires - created


async def test_cleanup_deletes_expired_keys(database: Database) -> None:
    """And nothing else."""
    await insert(database, "ada", key("me"))
    await expire(database)
    await insert(database, "grace", key("you"))
    swept = await idempotent_writes.delete_expired_keys(database)

    assert 1 == swept
    assert [("you", "2:a")] == await stored(database)


async def test_keys_are_cleaned_up_periodically_on_sqlite(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TiDB needs none, and gets none."""
    monkeypatch.setattr(idempotent_writes, "CLEANUP_INTERVAL", 0.01)
    await insert(database, "ada", key())
    await expire(database)
    async with idempotent_writes.periodic_key_cleanup(database):
        await asyncio.sleep(0.3)

    assert ([] if database.url.is_sqlite else [("me", "2:a")]) == await stored(database)


@on_tidb
async def test_tidb_deletes_expired_keys_by_itself(database: Database) -> None:
    """Some time after they have expired, never before."""
    ((_, text),) = await database.reader().fetch(sa.text("SHOW CREATE TABLE idempotency_keys"))

    assert "TTL=`expires_at` + INTERVAL 1 HOUR" in text
    assert "TTL_ENABLE='ON'" in text


async def test_a_change_that_fails_leaves_no_key(database: Database) -> None:
    """The key is written by the change's own transaction."""
    await create_customer(database, username="ada")

    async def fail(transaction: Transaction) -> None:
        await customers.insert(transaction, {"username": "grace", "name": "Name"})
        raise KeyError("a bug")

    deadline = Deadline.after(10)
    once = IdempotentWrite(database, key(), None, deadline, QueryStatistics(), database.attempts(deadline))
    with pytest.raises(KeyError):
        await once.run(fail)

    assert [] == await stored(database)


async def test_a_domain_error_is_stored_and_raised_again(database: Database) -> None:
    """The same one; of a change without a key of the client's nothing is kept."""
    await create_customer(database, username="ada")
    for _ in range(2):
        with pytest.raises(domain_errors.Taken) as refused:
            await insert(database, "ada", key())

        assert "username" == refused.value.field
    with pytest.raises(domain_errors.Taken):
        await insert(database, "ada", key(text="made here")._replace(client_supplied=False))

    assert [("me", "2:a")] == await stored(database)


async def test_results_of_earlier_versions_can_be_replayed(database: Database) -> None:
    """Stored results keep the class and field names that they were first written with."""
    group = '{"Several":{"refused":[{"Taken":{"field":"email"}},'
    group += '{"NothingExpected":{"field":"expected_version"}}],"field":null}}'
    stored = f'[{{"Item":{{"row":null,"done":null,"refused":{group}}}}}]'
    (item,) = await stored_results.replay(database.reader(), stored)

    first, second = item.error.errors
    assert (domain_errors.Taken, "email") == (type(first), first.field)
    assert domain_errors.ExpectedVersionNotFound is type(second)
    assert stored == stored_results.encode((item,))
