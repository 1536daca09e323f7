"""The public keys that tokens are signed with: from a file or a URL, looked at again as they change."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from jwt import PyJWK, PyJWKClient, PyJWKSet

from db.engine.deadline import Deadline
from graph.errors import unavailable

ALGORITHMS = ("RS256", "ES256", "EdDSA")
# A key that was taken out is known for FRESH seconds more. A key that is not known may be new, and is looked
# for at once, but not more often than every PAUSE seconds, whatever tokens say.
FRESH, PAUSE = 300.0, 10.0
# For how long keys are trusted while they cannot be loaded again.
STALEST = 3600.0
FETCH_TIMEOUT = 5.0

log = structlog.get_logger("tidegraph")


class KeySet:
    """Public keys by their ids."""

    def __init__(self, source: str, *, fresh: float = FRESH, pause: float = PAUSE) -> None:
        self._source = source
        self._fresh, self._pause = fresh, pause
        self._keys: Mapping[str, PyJWK] = {}
        self._loaded = self._tried = float("-inf")
        self._loading: asyncio.Task[None] | None = None

    async def find(self, kid: str, deadline: Deadline) -> PyJWK | None:
        """The key of this id, None where there is none. Raises Rejected (503) while no keys are to be had."""
        now, is_known = time.monotonic(), kid in self._keys
        is_fresh = is_known and now < self._loaded + self._fresh
        if not is_fresh and (self._loading or now >= self._tried + self._pause):
            loading = self._load()
            # Who comes with a known key does not wait for a source that may not answer.
            if not is_known:
                async with deadline.limit():
                    await asyncio.shield(loading)
        if time.monotonic() >= self._loaded + STALEST:
            raise unavailable("The server cannot check tokens now. Try again in a moment.", round(PAUSE))
        return self._keys.get(kid)

    def _load(self) -> asyncio.Task[None]:
        if self._loading is None:
            self._loading = asyncio.create_task(self._load_now())
        return self._loading

    async def _load_now(self) -> None:
        self._tried = time.monotonic()
        try:
            self._keys = await asyncio.to_thread(read, self._source)
            self._loaded = time.monotonic()
        except Exception as error:
            # Whatever a provider answers, and what the library makes of it.
            reason = str(error) or type(error).__name__
            log.warning("keys of tokens not loaded", source=self._source, reason=reason)
        finally:
            self._loading = None


def read(source: str) -> dict[str, PyJWK]:
    """The keys for signatures of ours; others are left out. Raises whatever is wrong with them."""
    if source.startswith(("https://", "http://")):
        # It follows no redirect.
        found = PyJWKClient(source, cache_jwk_set=False, timeout=FETCH_TIMEOUT).get_jwk_set()
    else:
        found = PyJWKSet.from_json(Path(source).read_text("utf-8"))
    return {
        key.key_id: key
        for key in found.keys
        if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use in {None, "sig"}
    }


def check(source: str) -> None:
    """Raises ValueError for what is neither a file nor a URL to trust."""
    if not (_is_url(source) or Path(source).is_file()):
        raise ValueError("must be a file that is there, or begin with https://")


def _is_url(source: str) -> bool:
    # It stands in the log. Over http anybody on the way could give us keys of theirs.
    parts = urlsplit(source)
    if not source.startswith(f"{parts.scheme}://") or parts.username is not None:
        return False
    on_loopback = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return on_loopback or (parts.scheme == "https" and bool(parts.hostname))
