"""Keys to ask with, made as an operator makes them."""

from datetime import UTC, datetime, timedelta

from db import api_keys
from db.database import Database
from graph.api_keys import digest, new_secret


async def create_key(database: Database, *scopes: str, name: str = "web", days: float = 1) -> str:
    """A key with these scopes that expires in so many days."""
    secret, until = new_secret(), datetime.now(UTC) + timedelta(days=days)
    await database.write(
        lambda transaction: api_keys.insert(transaction, name, digest(secret), scopes, until)
    )
    return secret


def bearer(credential: str) -> dict[str, str]:
    """The header that a client sends it in."""
    return {"Authorization": f"Bearer {credential}"}
