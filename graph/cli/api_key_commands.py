"""API key commands: create, list and revoke keys."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from functools import partial

from db import api_keys, domain_errors
from db.engine.deadline import Deadline
from db.models import ApiKey
from db.reader import Transaction
from graph.auth.api_keys import CACHE_SECONDS, digest, new_secret
from graph.auth.scopes import Scope
from graph.cli.database_commands import DATABASE_TIMEOUT, CommandError, open_migrated
from graph.global_ids import GlobalId, row_id
from graph.settings import Settings


async def create(
    settings: Settings, name: str, scopes: Collection[Scope], days: int, customer: str | None = None
) -> str:
    """The new key, which is not stored. `customer`, a global ID, restricts it. Raises CommandError."""
    secret = new_secret()
    expires_at = datetime.now(UTC) + timedelta(days=days)
    customer_id = None if customer is None else _customer_id(customer)

    async def work(transaction: Transaction) -> None:
        granted = sorted(set(scopes))
        await api_keys.insert(transaction, name, digest(secret), granted, expires_at, customer_id)

    async with open_migrated(settings) as database:
        try:
            await database.write(work)
        except domain_errors.Taken:
            raise CommandError(
                f"the name {name} is taken by another key, maybe a revoked one; choose another"
            ) from None
        except domain_errors.NotFound:
            raise _no_customer(str(customer)) from None
    return secret


async def list_all(settings: Settings) -> list[str]:
    """A heading and one line per key. Raises CommandError."""
    async with open_migrated(settings) as database:
        keys = await api_keys.all_of(database.reader(Deadline.after(DATABASE_TIMEOUT)))
    lines = [("NAME", "STATE", "CREATED", "UNTIL", "CUSTOMER", "SCOPES"), *map(_line, keys)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]


async def revoke(settings: Settings, name: str) -> str:
    """Revoke a key, and return a line with the time until it stops working. Raises CommandError."""
    async with open_migrated(settings) as database:
        key = await database.write(partial(api_keys.revoke, name=name))
    if key is None:
        raise CommandError(f"there is no key named {name}")
    if key.revoked_at is not None:
        return f"{name} was already revoked."
    return f"Revoked {name}: it stops working within {CACHE_SECONDS:g} seconds."


def _line(key: ApiKey) -> tuple[str, ...]:
    customer = "all" if key.customer_id is None else GlobalId("Customer", key.customer_id).encode()
    return key.name, _state(key), f"{key.created_at:%Y-%m-%d}", _until(key), customer, key.scopes


def _customer_id(text: str) -> int:
    customer_id = row_id("Customer", text)
    if customer_id is None:
        raise _no_customer(text)
    return customer_id


def _no_customer(text: str) -> CommandError:
    return CommandError(f"there is no customer with the ID {text!r}")


def _state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "active" if datetime.now(UTC) < key.expires_at else "expired"


def _until(key: ApiKey) -> str:
    return f"{key.revoked_at or key.expires_at:%Y-%m-%d}"
