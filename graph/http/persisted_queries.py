"""Automatic persisted queries (APQ): clients send the SHA-256 of a document that was registered before.

The protocol is Apollo's: https://www.apollographql.com/docs/apollo-server/performance/apq
"""

import hashlib
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from graph.errors import (
    PERSISTED_QUERY_NOT_FOUND,
    PERSISTED_QUERY_NOT_SUPPORTED,
    RequestError,
    bad_request,
    coded_error,
)

SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
# Documents and their characters for one caller, and for all together.
MAX_DOCUMENTS, MAX_CHARACTERS, MAX_TOTAL_CHARACTERS = 200, 200_000, 20_000_000
MAX_CALLERS = 10_000
# Seconds after its last request until a caller's documents may be evicted for others.
IDLE_SECONDS = 3_600.0


def requested_hash(extensions: object) -> str | None:
    """The hash in a request's `extensions.persistedQuery`. Raises RequestError for another version."""
    persisted = extensions.get("persistedQuery") if isinstance(extensions, Mapping) else None
    if not isinstance(persisted, Mapping):
        return None
    if persisted.get("version", 1) != 1:
        raise bad_request("persistedQuery.version must be 1.")
    found = persisted.get("sha256Hash")
    if found is not None and not isinstance(found, str):
        raise bad_request("persistedQuery.sha256Hash must be a string.")
    return found


def not_found() -> RequestError:
    """Clients match this exact message, and send the document itself."""
    return RequestError(coded_error("PersistedQueryNotFound", PERSISTED_QUERY_NOT_FOUND))


def not_supported() -> RequestError:
    """Clients match this exact message, and stop sending hashes."""
    return RequestError(coded_error("PersistedQueryNotSupported", PERSISTED_QUERY_NOT_SUPPORTED))


@dataclass
class Caller:
    """One caller's documents with their lengths, the least recently used first."""

    hashes: OrderedDict[str, int] = field(default_factory=OrderedDict)
    characters: int = 0
    used_at: float = 0.0


class PersistedQueries:
    """Documents by hash. A document is stored once and stays as long as some caller uses it.

    Each caller has an LRU cache of its own, so that none evicts what others use. When the memory of all
    callers is used up, new documents are not stored until a caller has been idle for IDLE_SECONDS.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._texts: dict[str, str] = {}
        self._users: Counter[str] = Counter()
        # The least recently active caller first.
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self.characters = 0

    def __len__(self) -> int:
        return len(self._texts)

    def get(self, principal: str, sha256: str) -> str | None:
        """The document, regardless of which caller registered it: its hash was verified."""
        text = self._texts.get(sha256)
        if text is not None:
            self._use(principal, sha256, text)
        return text

    def register(self, principal: str, sha256: str, text: str) -> None:
        """Store a valid document whose hash was verified, if there is memory for it."""
        if len(text) > MAX_CHARACTERS:
            return
        if sha256 not in self._texts and self.characters + len(text) > MAX_TOTAL_CHARACTERS:
            self._remove_idle()
            if self.characters + len(text) > MAX_TOTAL_CHARACTERS:
                return
        self._use(principal, sha256, text)

    def _use(self, principal: str, sha256: str, text: str) -> None:
        caller = self._caller(principal)
        if caller is None:
            return
        if sha256 not in caller.hashes:
            caller.hashes[sha256] = len(text)
            caller.characters += len(text)
            self._users[sha256] += 1
            if sha256 not in self._texts:
                self._texts[sha256] = text
                self.characters += len(text)
        caller.hashes.move_to_end(sha256)
        while len(caller.hashes) > MAX_DOCUMENTS or caller.characters > MAX_CHARACTERS:
            self._evict(caller)

    def _caller(self, principal: str) -> Caller | None:
        """None where there are too many callers."""
        if principal not in self._callers:
            if len(self._callers) >= MAX_CALLERS:
                self._remove_idle()
            if len(self._callers) >= MAX_CALLERS:
                return None
            self._callers[principal] = Caller()
        caller = self._callers[principal]
        caller.used_at = self._clock()
        self._callers.move_to_end(principal)
        return caller

    def _evict(self, caller: Caller) -> None:
        sha256, length = caller.hashes.popitem(last=False)
        caller.characters -= length
        self._users[sha256] -= 1
        if not self._users[sha256]:
            del self._users[sha256], self._texts[sha256]
            self.characters -= length

    def _remove_idle(self) -> None:
        before = self._clock() - IDLE_SECONDS
        while self._callers and next(iter(self._callers.values())).used_at < before:
            _, caller = self._callers.popitem(last=False)
            while caller.hashes:
                self._evict(caller)


def text_of(
    query: object, sha256: str | None, find_persisted: Callable[[str], str | None]
) -> tuple[object, str | None]:
    """The document, by its text or its hash, and the hash to register it under.

    Raises RequestError for a hash that is unknown, or not the document's.
    """
    if query is None and sha256 is not None:
        text = find_persisted(sha256)
        if text is None:
            raise not_found()
        return text, None
    # Some client builds send other kinds of ids in the same place.
    if not isinstance(query, str) or sha256 is None or not SHA256.fullmatch(sha256):
        return query, None
    if hashlib.sha256(query.encode()).hexdigest() != sha256:
        raise bad_request("persistedQuery.sha256Hash is not the SHA-256 of the query.")
    return query, sha256
