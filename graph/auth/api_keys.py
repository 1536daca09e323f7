"""API keys: how one is made and told from other text, and which caller it stands for."""

import asyncio
import hashlib
import re
import secrets
from datetime import UTC, datetime

from db import api_keys
from db.engine.database import Database
from db.engine.deadline import Deadline
from db.models import ApiKey
from graph.auth.callers import Caller, Unauthenticated
from graph.auth.scopes import granted
from graph.auth.ttl_cache import Recent

# Known to those who search code and logs for secrets.
PREFIX = "tdg_"
BYTES = 32
SECRET = re.compile(rf"{PREFIX}[A-Za-z0-9_-]{{43}}", re.ASCII)
# How long a key goes on working after it was revoked, and an unknown one goes on failing.
SECONDS = 5.0
MOST_KEYS = 10_000
# Whoever guesses keys has no name yet: all look-ups together leave a fifth of the pool, as one caller does.
LOOK_UPS = "look-ups of keys"


def new_secret() -> str:
    """A key of 256 random bits."""
    return PREFIX + secrets.token_urlsafe(BYTES)


def digest(secret: str) -> str:
    """What is stored of a key. Its bits are random: nobody finds them by trying, however fast the hash."""
    return hashlib.sha256(secret.encode()).hexdigest()


class ApiKeys:
    """The callers of keys, looked up in the database at most every SECONDS for each key.

    Unknown keys are remembered apart: however many are tried, those that are known stay.
    """

    def __init__(self, database: Database, seconds: float = SECONDS) -> None:
        self._database = database
        self._known: Recent[ApiKey] = Recent(MOST_KEYS, seconds)
        self._unknown: Recent[bool] = Recent(MOST_KEYS, seconds)
        self._asking: dict[str, asyncio.Task[ApiKey | None]] = {}

    def takes(self, credential: str) -> bool:
        """Whether it looks like a key."""
        return SECRET.fullmatch(credential) is not None

    async def caller(self, secret: str, deadline: Deadline) -> Caller:
        """Raises Unauthenticated, Unavailable or DeadlineExceeded."""
        key = await self._find(digest(secret), deadline)
        if key is None or key.revoked_at is not None or key.expires_at <= datetime.now(UTC):
            raise Unauthenticated("This key is unknown, expired or revoked.")
        return Caller(f"key:{key.name}", granted(key.scopes.split()), key.customer_id)

    async def _find(self, text: str, deadline: Deadline) -> ApiKey | None:
        key = self._known.get(text)
        if key is not None or self._unknown.get(text):
            return key
        if text not in self._asking:
            # Shared by all requests that come with the key meanwhile, whichever of them goes away.
            self._asking[text] = asyncio.create_task(self._ask(text, deadline))
        async with deadline.limit():
            return await asyncio.shield(self._asking[text])

    async def _ask(self, text: str, deadline: Deadline) -> ApiKey | None:
        try:
            key = await api_keys.find(self._database.reader(deadline, caller=LOOK_UPS), text)
        finally:
            del self._asking[text]
        if key is None:
            self._unknown.put(text, True)
        else:
            self._known.put(text, key)
        return key
