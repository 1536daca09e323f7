"""The fair scheduler: principals take turns at the event loop.

All requests of a process share one thread, and the event loop runs callbacks in the order in which they
became ready: a caller with a thousand long steps would delay everybody else's.
"""

import asyncio
from collections import OrderedDict, deque

# After a step of more than LONG seconds the event loop runs so many iterations before the next one, for
# reading, writing and authentication, which are not scheduled.
LONG, ITERATIONS = 0.005, 5


class RoundRobin:
    """Futures of principals that wait; the next one is of the principal whose turn is the longest ago."""

    def __init__(self) -> None:
        self._queues: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    def add(self, principal: str) -> asyncio.Future[None]:
        turn = asyncio.get_running_loop().create_future()
        self._queues.setdefault(principal, deque()).append(turn)
        return turn

    def pop(self) -> asyncio.Future[None] | None:
        """The next one; canceled ones are skipped."""
        while self._queues:
            principal, queue = self._queues.popitem(last=False)
            while queue:
                turn = queue.popleft()
                if not turn.done():
                    if queue:
                        self._queues[principal] = queue
                    return turn
        return None


class FairScheduler:
    """One step in each iteration of the event loop. A step begins at once if none has begun in this one."""

    def __init__(self) -> None:
        self._waiting = RoundRobin()
        self._is_busy = False
        self._begun, self._iterations = 0.0, 0

    async def yield_to_others(self, principal: str) -> None:
        """Return when `principal` may run its next step, which lasts until its task waits again."""
        if not self.begin():
            await self._waiting.add(principal)

    def begin(self) -> bool:
        """Begin a step if none has begun in this iteration of the event loop."""
        if self._is_busy:
            return False
        loop = asyncio.get_running_loop()
        self._is_busy, self._begun = True, loop.time()
        loop.call_soon(self._end)
        return True

    def _end(self) -> None:
        took = asyncio.get_running_loop().time() - self._begun
        self._iterations = ITERATIONS if took > LONG else 0
        self._continue()

    def _continue(self) -> None:
        if self._iterations:
            self._iterations -= 1
            asyncio.get_running_loop().call_soon(self._continue)
            return
        self._is_busy = False
        if (turn := self._waiting.pop()) is not None:
            turn.set_result(None)
            self.begin()
