"""All SQL on API keys. Only a digest of a key is stored; a name is never used again."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from db import customers, domain_errors, errors
from db.audit.changes import utc_now
from db.models import ApiKey
from db.models import api_keys as keys
from db.reader import Reader, Transaction


async def find(reader: Reader, digest: str) -> ApiKey | None:
    """The key with this digest, which may have expired or been revoked."""
    rows = await reader.fetch(sa.select(*keys.c).where(keys.c.digest == digest))
    return ApiKey._make(rows[0]) if rows else None


async def all_of(reader: Reader) -> list[ApiKey]:
    """All keys there ever were, by name."""
    return [ApiKey._make(row) for row in await reader.fetch(sa.select(*keys.c).order_by(keys.c.name))]


async def insert(
    transaction: Transaction,
    name: str,
    digest: str,
    scopes: Sequence[str],
    expires_at: datetime,
    customer_id: int | None = None,
) -> ApiKey:
    """Store a key, which a `customer_id` binds to one customer.

    Raises NotFound, or Taken for a name that was given out, also to a key that was revoked.
    """
    if customer_id is not None:
        await customers.lock(transaction, customer_id)
    key = ApiKey(digest, name, " ".join(scopes), utc_now(), expires_at, None, customer_id)
    try:
        await transaction.execute(keys.insert().values(key._asdict()))
    except errors.DuplicateKey as error:
        raise domain_errors.Taken("name") from error
    return key


async def revoke(transaction: Transaction, name: str) -> ApiKey | None:
    """Revoke a key for good; the key as it was before, None where there is none of this name."""
    rows = await transaction.fetch(sa.select(*keys.c).where(keys.c.name == name).with_for_update())
    if not rows:
        return None
    key = ApiKey._make(rows[0])
    if key.revoked_at is None:
        await transaction.execute(
            keys.update().where(keys.c.digest == key.digest).values(revoked_at=utc_now())
        )
    return key
