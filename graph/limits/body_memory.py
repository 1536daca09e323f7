"""The body memory limit: request bodies until they are executed, then responses until they are sent."""

import asyncio
import gc
from collections import Counter
from types import TracebackType
from typing import Self

from graph.errors import unavailable

# This many bytes of each body are free: most are smaller.
FREE_BYTES = 16_384
# Validating and executing leave reference cycles that refer to a request's texts. The garbage collector
# counts objects, not bytes, and would run too late: it is run after so many released bytes.
COLLECT_EVERY, COLLECT_DELAY = 16_000_000, 0.01
USED_UP = "The server is out of memory for request and response bodies. Try again in a moment."


class BodyMemoryLimit:
    """At most `limit` bytes, of which one principal gets four fifths.

    A response that must be sent may exceed that. The excess of one principal takes nothing from the others.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.share = limit, limit * 4 // 5
        self._used: Counter[str] = Counter()
        self._total = 0
        self._released = 0

    @property
    def used(self) -> int:
        """Bytes charged to all principals."""
        return self._used.total()

    def fits(self, principal: str, size: int) -> bool:
        """Whether `size` more bytes are within the limits."""
        before = self._used[principal]
        total = self._total - min(before, self.share) + min(before + size, self.share)
        return before + size <= self.share and total <= self.limit

    def charge(self, principal: str, size: int) -> None:
        """Add `size` bytes, which may be negative, whether they fit or not."""
        before = self._used.pop(principal, 0)
        after = before + size
        self._total += min(after, self.share) - min(before, self.share)
        if after:
            self._used[principal] = after
        self._released += max(0, -size)
        if self._released > COLLECT_EVERY:
            self._released = 0
            # Later, when the frames of the request have ended.
            asyncio.get_running_loop().call_later(COLLECT_DELAY, gc.collect)


class Reservation:
    """The memory of one request, charged to its `principal` until the block ends."""

    def __init__(self, memory: BodyMemoryLimit) -> None:
        self._memory = memory
        self.principal = ""
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.resize(0)

    def check(self) -> None:
        """Raise RequestError (503) if the principal's memory is used up, before any work is done."""
        if not self._memory.fits(self.principal, 1):
            raise unavailable(USED_UP, 1)

    def fits(self, length: int) -> bool:
        """Whether `length` bytes, in place of those reserved now, are within the limits."""
        more = max(0, length - FREE_BYTES) - self.size
        return more <= 0 or self._memory.fits(self.principal, more)

    def grow(self, length: int) -> None:
        """Reserve `length` bytes in place of those reserved now. Raises RequestError (503)."""
        if not self.fits(length):
            raise unavailable(USED_UP, 1)
        self.resize(length)

    def resize(self, length: int) -> None:
        """Reserve `length` bytes in place of those reserved now, beyond the limits if need be."""
        size = max(0, length - FREE_BYTES)
        if size != self.size:
            self._memory.charge(self.principal, size - self.size)
            self.size = size
