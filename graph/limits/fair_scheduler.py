"""The processor, handed out step by step: to one principal after the other.

What Python does for one request all others of the process wait for, and the event loop runs what is ready in
the order in which it became so: a caller with a thousand long steps at hand would go before everybody else.
"""

import asyncio
from collections import OrderedDict, deque

# After a step of more than LONG seconds the loop turns so often before the next one: what reads, writes and
# looks a caller up takes a few turns, and is no step.
LONG, TURNS = 0.005, 5


class Processor:
    """One step in each turn of the event loop. Where nobody waits a step begins at once."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        self._is_taken = False
        self._begun, self._turns = 0.0, 0

    async def step(self, principal: str) -> None:
        """Return when it is time for a step of `principal`, which lasts until its task waits again."""
        if not self._is_taken:
            self._begin()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(principal, deque()).append(turn)
        await turn

    def _begin(self) -> None:
        loop = asyncio.get_running_loop()
        self._is_taken, self._begun = True, loop.time()
        loop.call_soon(self._end)

    def _end(self) -> None:
        took = asyncio.get_running_loop().time() - self._begun
        self._turns = TURNS if took > LONG else 0
        self._go_on()

    def _go_on(self) -> None:
        if self._turns:
            self._turns -= 1
            asyncio.get_running_loop().call_soon(self._go_on)
        elif (turn := self._next()) is not None:
            turn.set_result(None)
            self._begin()
        else:
            self._is_taken = False

    def _next(self) -> asyncio.Future[None] | None:
        """Of the principal whose last step is the longest ago; who does not wait any more is passed over."""
        while self._waiting:
            principal, line = self._waiting.popitem(last=False)
            while line:
                turn = line.popleft()
                if not turn.done():
                    if line:
                        self._waiting[principal] = line
                    return turn
        return None
