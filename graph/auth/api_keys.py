"""API keys: creating, recognizing and verifying them."""

import asyncio
import hashlib
import re
import secrets
from datetime import UTC, datetime

from cachetools import TTLCache

from db import api_keys
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.models import ApiKey
from graph.auth.callers import Caller, Unauthenticated
from graph.auth.scopes import granted

# A fixed prefix lets secret scanners find leaked keys in code and logs.
PREFIX = "tdg_"
BYTES = 32
SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
# For this long a revoked key still works, and a key that was unknown still fails.
CACHE_SECONDS = 5.0
MAX_CACHED_KEYS = 10_000
# Unverified callers share one principal, and with it one caller's quota of the connection pool.
LOOKUP_PRINCIPAL = "look-ups of keys"


def new_secret() -> str:
    """A key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(BYTES)


def digest(secret: str) -> str:
    """The SHA-256 that is stored for a key; 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeyVerifier:
    """Callers of API keys, in TTL caches: one database look-up per key and CACHE_SECONDS.

    Unknown keys have a cache of their own, so that guessing keys evicts no valid ones.
    """

    def __init__(self, database: Database, seconds: float = CACHE_SECONDS) -> None:
        self._database = database
        self._known: TTLCache[str, ApiKey] = TTLCache(MAX_CACHED_KEYS, seconds)
        self._unknown: TTLCache[str, bool] = TTLCache(MAX_CACHED_KEYS, seconds)
        self._fetching: dict[str, asyncio.Task[ApiKey | None]] = {}

    def recognizes(self, credential: str) -> bool:
        """Whether the text has the form of a key."""
        return SECRET.fullmatch(credential) is not None

    async def caller(self, secret: str, deadline: Deadline) -> Caller:
        """Raises Unauthenticated, Unavailable or DeadlineExceeded."""
        key = await self._find(digest(secret), deadline)
        if key is None or key.revoked_at is not None or key.expires_at <= datetime.now(UTC):
            raise Unauthenticated("The API key is unknown, expired or revoked.")
        return Caller(f"key:{key.name}", granted(key.scopes.split()), key.customer_id)

    async def _find(self, key_digest: str, deadline: Deadline) -> ApiKey | None:
        key = self._known.get(key_digest)
        if key is not None or self._unknown.get(key_digest):
            return key
        if key_digest not in self._fetching:
            # All concurrent requests with this key share the task, so none of them may cancel it.
            self._fetching[key_digest] = asyncio.create_task(self._fetch(key_digest, deadline))
        async with deadline.limit():
            return await asyncio.shield(self._fetching[key_digest])

    async def _fetch(self, key_digest: str, deadline: Deadline) -> ApiKey | None:
        try:
            reader = self._database.reader(deadline, caller=LOOKUP_PRINCIPAL)
            key = await api_keys.find(reader, key_digest)
        finally:
            del self._fetching[key_digest]
        if key is None:
            self._unknown[key_digest] = True
        else:
            self._known[key_digest] = key
        return key
