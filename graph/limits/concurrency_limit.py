"""Who runs now and who waits: so many requests of one principal at a time, the rest in order."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from graph.errors import Rejected, too_many_requests
from graph.limits.limit_settings import Bounds

TOO_LONG_A_LINE = "Too many of your requests wait already."
TOO_LONG_A_WAIT = "Your other requests have been running all the time."


@dataclass
class Line:
    """The requests of one principal."""

    free: asyncio.Semaphore
    waiting: int = 0
    users: int = 0


class Turns:
    """Turns by principal; one that asks for nothing takes no memory."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lines: dict[str, Line] = {}

    def __len__(self) -> int:
        return len(self._lines)

    @asynccontextmanager
    async def turn(self, principal: str) -> AsyncIterator[None]:
        """Wait for a turn of `principal`, and have it. Raises Rejected when it takes too long to come."""
        line = self._lines.get(principal)
        if line is None:
            line = self._lines[principal] = Line(asyncio.Semaphore(self._bounds.concurrency_limit))
        line.users += 1
        try:
            await self._wait(line)
            try:
                yield
            finally:
                line.free.release()
        finally:
            line.users -= 1
            if not line.users:
                del self._lines[principal]

    async def _wait(self, line: Line) -> None:
        if line.free.locked() and line.waiting >= self._bounds.queue_limit:
            raise self._refused(TOO_LONG_A_LINE)
        line.waiting += 1
        try:
            async with asyncio.timeout(self._bounds.queue_timeout):
                await line.free.acquire()
        except TimeoutError:
            raise self._refused(TOO_LONG_A_WAIT) from None
        finally:
            line.waiting -= 1

    def _refused(self, reason: str) -> Rejected:
        return too_many_requests(f"{reason} Try again in a moment.", 1)
