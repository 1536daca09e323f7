"""The concurrency limit: so many requests of one principal run at once, the next wait in a queue."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from graph.errors import RequestError, too_many_requests
from graph.limits.limit_settings import LimitSettings

QUEUE_FULL = "The queue of your requests is full."
QUEUE_TIMEOUT = "Your request timed out in the queue behind your other requests."


@dataclass(slots=True)
class Slots:
    """The requests of one principal: how many run, and those that wait, in order."""

    running: int = 0
    queue: deque[asyncio.Future[None]] = field(default_factory=deque)


class ConcurrencyLimit:
    """Slots by principal. A principal without requests takes no memory."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._slots: dict[str, Slots] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @asynccontextmanager
    async def slot(self, principal: str) -> AsyncIterator[None]:
        """Hold a slot of `principal`. Raises RequestError (429) for a full queue or too long a wait."""
        if not self.take(principal):
            await self.wait(principal)
        try:
            yield
        finally:
            self.release(principal)

    def take(self, principal: str) -> bool:
        """Take a slot if one is free. The caller must release it."""
        slots = self._slots.get(principal)
        if slots is None:
            slots = self._slots[principal] = Slots()
        if slots.running >= self._limits.concurrency_limit:
            return False
        slots.running += 1
        return True

    async def wait(self, principal: str) -> None:
        """Wait for a slot and take it, when none is free. Raises RequestError (429)."""
        queue = self._slots[principal].queue
        if len(queue) >= self._limits.queue_limit:
            raise _rejected(QUEUE_FULL)
        waiter = asyncio.get_running_loop().create_future()
        queue.append(waiter)
        try:
            async with asyncio.timeout(self._limits.queue_timeout):
                await self._wait_in(queue, principal, waiter)
        except TimeoutError:
            raise _rejected(QUEUE_TIMEOUT) from None

    async def _wait_in(
        self, queue: deque[asyncio.Future[None]], principal: str, waiter: asyncio.Future[None]
    ) -> None:
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.cancelled():
                with suppress(ValueError):
                    queue.remove(waiter)
            else:
                # It got the slot in the same turn of the event loop.
                self.release(principal)
            raise

    def release(self, principal: str) -> None:
        """Pass a slot on to the first request in the queue."""
        slots = self._slots[principal]
        while slots.queue:
            waiter = slots.queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        slots.running -= 1
        if not slots.running:
            del self._slots[principal]


def _rejected(reason: str) -> RequestError:
    return too_many_requests(f"{reason} Try again in a moment.", 1)
