"""What an operator does with API keys: create one, list them, revoke one."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial

from db import api_keys, refusals
from db.deadline import Deadline
from db.models import ApiKey
from db.reader import Transaction
from graph.api_keys import SECONDS, digest, new_secret
from graph.operations import PATIENCE, Failed, migrated
from graph.scopes import Scope
from graph.settings import Settings


async def create(settings: Settings, name: str, scopes: Collection[Scope], days: int) -> str:
    """The key itself, which is nowhere else. Raises Failed."""
    secret = new_secret()
    expires_at = datetime.now(UTC) + timedelta(days=days)

    async def work(transaction: Transaction) -> None:
        await api_keys.insert(transaction, name, digest(secret), sorted(set(scopes)), expires_at)

    async with migrated(settings) as database:
        try:
            await database.write(work)
        except refusals.Taken:
            raise Failed(f"there is or was a key with the name {name}; take another name") from None
    return secret


async def listed(settings: Settings) -> list[str]:
    """A line for each key, below a heading. Raises Failed."""
    async with migrated(settings) as database:
        keys = await api_keys.all_of(database.reader(Deadline.after(PATIENCE)))
    rows = [(key.name, _state(key), f"{key.created_at:%Y-%m-%d}", _until(key), key.scopes) for key in keys]
    width = max((len(row[0]) for row in rows), default=0)
    heading = ("NAME", "STATE", "CREATED", "UNTIL", "SCOPES")
    return [
        f"{name:{max(width, 4)}}  {state:7}  {created:10}  {until:10}  {scopes}"
        for name, state, created, until, scopes in (heading, *rows)
    ]


async def revoke(settings: Settings, name: str) -> str:
    """A line that says from when on it does not work. Raises Failed."""
    async with migrated(settings) as database:
        key = await database.write(partial(api_keys.revoke, name=name))
    if key is None:
        raise Failed(f"there is no key with the name {name}")
    if key.revoked_at is not None:
        return f"{name} was already revoked."
    return f"Revoked {name}: it stops working within {SECONDS:g} seconds."


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if datetime.now(UTC) < key.expires_at else "expired"


def _until(key: ApiKey) -> str:
    return f"{key.revoked_at or key.expires_at:%Y-%m-%d}"
