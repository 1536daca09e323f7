"""JWKS: the public keys that verify JWTs, loaded from a file or a URL and reloaded as they rotate."""

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
# A removed key stays valid for up to FRESH_SECONDS. An unknown key ID may be a new key, so it reloads the
# set at once, but at most every RETRY_SECONDS, because JWTs can name any ID.
FRESH_SECONDS, RETRY_SECONDS = 300.0, 10.0
# Seconds for which keys stay trusted while reloading fails.
MAX_STALE = 3600.0
FETCH_TIMEOUT = 5.0

log = structlog.get_logger("tidegraph")


class JwkSet:
    """Public keys by key ID (`kid`)."""

    def __init__(self, source: str, *, fresh: float = FRESH_SECONDS, pause: float = RETRY_SECONDS) -> None:
        self._source = source
        self._fresh, self._pause = fresh, pause
        self._keys: Mapping[str, PyJWK] = {}
        self._loaded = self._tried = float("-inf")
        self._loading: asyncio.Task[None] | None = None

    async def find(self, kid: str, deadline: Deadline) -> PyJWK | None:
        """The key with this id, or None. Raises RequestError (503) while no key set is available."""
        now, is_known = time.monotonic(), kid in self._keys
        is_fresh = is_known and now < self._loaded + self._fresh
        if not is_fresh and (self._loading or now >= self._tried + self._pause):
            loading = self._load()
            # Requests with a known key do not wait for a source that may not answer.
            if not is_known:
                async with deadline.limit():
                    await asyncio.shield(loading)
        if time.monotonic() >= self._loaded + MAX_STALE:
            raise unavailable(
                "The server cannot verify tokens now. Try again in a moment.", round(RETRY_SECONDS)
            )
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
            # A provider can answer anything, and the library raises many kinds of errors.
            reason = str(error) or type(error).__name__
            log.warning("keys of tokens not loaded", source=self._source, reason=reason)
        finally:
            self._loading = None


def read(source: str) -> dict[str, PyJWK]:
    """The signature keys with a supported algorithm; others are skipped. Raises any error of file or URL."""
    if source.startswith(("https://", "http://")):
        # PyJWKClient follows no redirects.
        found = PyJWKClient(source, cache_jwk_set=False, timeout=FETCH_TIMEOUT).get_jwk_set()
    else:
        found = PyJWKSet.from_json(Path(source).read_text("utf-8"))
    return {
        key.key_id: key
        for key in found.keys
        if key.key_id and key.algorithm_name in ALGORITHMS and key.public_key_use in {None, "sig"}
    }


def check(source: str) -> None:
    """Raises ValueError unless `source` is an existing file or a trustworthy URL."""
    if not (_is_url(source) or Path(source).is_file()):
        raise ValueError("must be an existing file or an https:// URL")


def _is_url(source: str) -> bool:
    # The URL is logged, so it must have no password. Over plain HTTP, keys could be replaced on the way.
    parts = urlsplit(source)
    if not source.startswith(f"{parts.scheme}://") or parts.username is not None:
        return False
    on_loopback = parts.scheme == "http" and parts.hostname in {"localhost", "127.0.0.1", "::1"}
    return on_loopback or (parts.scheme == "https" and bool(parts.hostname))
