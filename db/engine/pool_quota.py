"""The pool quota: how many connections of a pool one caller may hold."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakValueDictionary

from db import errors


class PoolQuota:
    """All but a fifth of `size` for each caller, at least one; what nobody asked for knows no bound."""

    def __init__(
        self, size: int, timeout: float, error: type[errors.DatabaseError] = errors.PoolExhausted
    ) -> None:
        self._slots_per_caller = max(1, size - max(1, size // 5))
        self._timeout = timeout
        self._error = error
        # A caller's is forgotten with the last statement that has or awaits a part of it.
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    @asynccontextmanager
    async def slot(self, caller: str | None) -> AsyncIterator[None]:
        """One connection's worth of the caller's share. Raises `error` after the timeout."""
        if caller is None:
            yield
            return
        share = self._slots.get(caller)
        if share is None:
            share = self._slots[caller] = asyncio.Semaphore(self._slots_per_caller)
        try:
            async with asyncio.timeout(self._timeout):
                await share.acquire()
        except TimeoutError:
            raise self._error("the caller has used its pool quota") from None
        try:
            yield
        finally:
            share.release()
