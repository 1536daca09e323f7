"""Runs long CPU-bound work in a thread, one call at a time, principals in turn. The event loop goes on."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from graph.limits.fair_scheduler import RoundRobin

T = TypeVar("T")


class WorkerThread:
    """Python switches threads every 5 ms: a long call delays the event loop by so much at a time."""

    def __init__(self) -> None:
        self._waiting = RoundRobin()
        self._is_busy = False

    async def run(self, principal: str, work: Callable[[], T]) -> T:
        """The result of `work()`, which must not depend on the event loop."""
        if self._is_busy:
            turn = self._waiting.add(principal)
            try:
                await turn
            except asyncio.CancelledError:
                if not turn.cancelled():
                    self._next()
                raise
        self._is_busy = True
        running = asyncio.ensure_future(asyncio.to_thread(work))
        # A canceled request does not stop its thread, and the next call must wait for it.
        running.add_done_callback(self._end)
        return await asyncio.shield(running)

    def _end(self, running: asyncio.Future[T]) -> None:
        if not running.cancelled():
            # An error of a canceled request is retrieved by nobody else.
            running.exception()
        self._next()

    def _next(self) -> None:
        turn = self._waiting.pop()
        self._is_busy = turn is not None
        if turn is not None:
            turn.set_result(None)
