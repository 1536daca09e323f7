"""The moment by which a request must be answered."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from db import errors


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the event loop's clock; `Deadline.none()` never comes."""

    at: float | None

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        return cls(time.monotonic() + seconds)

    @classmethod
    def none(cls) -> "Deadline":
        return cls(None)

    def within(self, seconds: float) -> "Deadline":
        """This deadline, or the one that comes after so many seconds, whichever is sooner."""
        soon = Deadline.after(seconds)
        return self if self.remaining() < seconds else soon

    def remaining(self) -> float:
        """Seconds left, 0 when it has passed, infinity when it never comes."""
        return float("inf") if self.at is None else max(0.0, self.at - time.monotonic())

    @asynccontextmanager
    async def limit(self) -> AsyncIterator[None]:
        """Cancel what runs inside at the deadline, begin nothing after it; raises DeadlineExceeded."""
        remaining = self.remaining()
        if not remaining:
            raise errors.DeadlineExceeded
        try:
            async with asyncio.timeout(None if self.at is None else remaining):
                yield
        except TimeoutError as error:
            raise errors.DeadlineExceeded from error
