"""API keys as they are stored: by digest, under a name that is given out once."""

from datetime import UTC, datetime, timedelta

import pytest

from db import api_keys, domain_errors
from db.engine.database import Database
from db.models import ApiKey

SOON = datetime(2036, 1, 1, microsecond=1, tzinfo=UTC)
SCOPES = ["customers:read", "orders:read"]


async def insert(database: Database, name: str, digest: str) -> ApiKey:
    return await database.write(lambda transaction: api_keys.insert(transaction, name, digest, SCOPES, SOON))


async def test_a_key_is_found_by_its_digest(database: Database) -> None:
    """As it was stored, to the microsecond; another digest finds nothing."""
    key = await insert(database, "web", "a" * 64)
    reader = database.reader()

    assert ("web", "customers:read orders:read", SOON, None) == (
        key.name,
        key.scopes,
        key.expires_at,
        key.revoked_at,
    )
    assert key == await api_keys.find(reader, "a" * 64)
    assert await api_keys.find(reader, "A" * 64) is None
    assert await api_keys.find(reader, "") is None


async def test_a_name_is_given_out_once(database: Database) -> None:
    """Also after its key was revoked: the history says who did what by this name."""
    await insert(database, "web", "a" * 64)
    await database.write(lambda transaction: api_keys.revoke(transaction, "web"))
    with pytest.raises(domain_errors.Taken):
        await insert(database, "web", "b" * 64)

    assert ["a" * 64] == [key.digest for key in await api_keys.all_of(database.reader())]


async def test_revoking_lasts(database: Database) -> None:
    """The first time counts, and a name that is not there is told."""
    await insert(database, "web", "a" * 64)
    before = datetime.now(UTC)
    given = [await database.write(lambda each: api_keys.revoke(each, "web")) for _ in range(2)]
    stored = await api_keys.find(database.reader(), "a" * 64)
    unknown = await database.write(lambda each: api_keys.revoke(each, "app"))

    assert given[0]
    assert given[0].revoked_at is None
    assert given[1] == stored
    assert stored
    assert stored.revoked_at
    assert before <= stored.revoked_at <= before + timedelta(minutes=1)
    assert unknown is None


async def test_keys_are_listed_by_name(database: Database) -> None:
    """All of them."""
    for number, name in enumerate(["web", "Web", "app"]):
        await insert(database, name, str(number) * 64)

    assert ["Web", "app", "web"] == [key.name for key in await api_keys.all_of(database.reader())]
