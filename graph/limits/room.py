"""Room for the bodies of all requests together, while they are read, wait and are answered."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from graph.errors import unavailable

# Of each body this much finds room in any case: most are smaller.
SMALL = 16_384
FULL = "The server holds too many large bodies. Try again in a moment."


class Room:
    """Room for `most` bytes, of which one principal leaves a fifth for the others."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def part(self, principal: str) -> Iterator["Part"]:
        """What one body of this principal takes, until the end of the block."""
        part = Part(self, principal)
        try:
            yield part
        finally:
            self.take(principal, -part.size)

    def take(self, principal: str, size: int) -> None:
        """Raises Rejected where there is no room for so many bytes more."""
        mine, all_ = self._taken[principal] + size, self._taken.total() + size
        if size > 0 and (all_ > self._most or mine > self._most * 4 // 5):
            raise unavailable(FULL, 1)
        self._taken[principal] = mine
        if not mine:
            del self._taken[principal]


class Part:
    """What a body takes beyond SMALL, as it grows."""

    def __init__(self, room: Room, principal: str) -> None:
        self._room, self._principal = room, principal
        self.size = 0

    def grow(self, length: int) -> None:
        """Take room for a body of this length up to now. Raises Rejected."""
        more = max(0, length - SMALL) - self.size
        if more:
            self._room.take(self._principal, more)
            self.size += more
