"""API keys for requests, created as an operator creates them."""

from datetime import UTC, datetime, timedelta

from db import api_keys
from db.engine.database import Database
from graph.auth.api_keys import digest, new_secret


async def create_key(
    database: Database, *scopes: str, name: str = "web", days: float = 1, customer_id: int | None = None
) -> str:
    """A key with these scopes that expires in so many days, bound to a customer or not."""
    secret, until = new_secret(), datetime.now(UTC) + timedelta(days=days)
    await database.write(
        lambda transaction: api_keys.insert(transaction, name, digest(secret), scopes, until, customer_id)
    )
    return secret


def bearer(credential: str) -> dict[str, str]:
    """The header that a client sends it in."""
    return {"Authorization": f"Bearer {credential}"}
