"""What stands between a client and an operation: each on a server of its own, beside one without it."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.queries import POINT
from db.engine.database import Database
from db.engine.urls import DatabaseUrl
from tests import tokens
from tests.api_key_factory import bearer, create_key

DOCUMENT_ID = "5d41402abc4b2a76b9719d911017c592"
# Never reached.
RATES = "1000000/second; 10000000/minute"


@dataclass
class Door:
    """A server, its settings, and what its requests bring: headers, and an id in place of the query."""

    name: str
    server: str = "tidegraph"
    settings: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    document_id: str | None = None


async def doors(url: str, folder: Path) -> Sequence[Door]:
    """First without what is always there; then as it starts; then with each that can be turned on."""
    async with Database(DatabaseUrl.parse(url)) as database:
        key = await create_key(database, "admin")
    token = tokens.token("RS256", exp=int(time.time()) + 86_400)
    documents = folder / "persisted.json"
    documents.write_text(json.dumps({DOCUMENT_ID: POINT}))
    trusted = {"trusted_documents": str(documents), "only_trusted_documents": "true"}
    return [
        Door("no limits", server="no limits"),
        Door("defaults"),
        Door("API key", settings={"auth": "keys"}, headers=bearer(key)),
        Door(
            "token", settings=tokens.SETTINGS | {"jwt_jwks": tokens.jwks_file(folder)}, headers=bearer(token)
        ),
        Door("rate limit", settings={"rate_limit": RATES}),
        Door("trusted", settings=trusted, document_id=DOCUMENT_ID),
    ]
