"""The rate limit: requests of one principal by time, counted in memory or in a shared storage."""

import asyncio
import math
import time

import structlog
from limits import RateLimitItem, parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string

from graph.errors import too_many_requests

NAMESPACE = "tidegraph"
# Seconds that the storage may take, and for which nothing is counted after it took longer or failed.
STORAGE_TIMEOUT, RETRY_AFTER = 0.5, 5.0
# redis-py: the library's default client requires another release of `packaging`.
REDIS = {"implementation": "redispy"}

log = structlog.get_logger("tidegraph")


def parse(rates: str) -> list[RateLimitItem]:
    """Parse rates such as `100/second; 2000/minute`. Raises ValueError."""
    items = parse_many(rates) if rates.strip() else []
    if any(item.amount < 1 for item in items):
        raise ValueError
    return items


def storage(url: str) -> Storage:
    """Open the storage of the counters. Raises ValueError, without the password that a URL may have."""
    try:
        opened = storage_from_string(f"async+{url}", **(REDIS if url.startswith("redis") else {}))
    except Exception as error:
        missing = str(error).partition(". ")[0] if "prerequisite" in str(error) else None
        raise ValueError(missing or "unknown kind of storage") from None
    if not isinstance(opened, Storage):
        raise ValueError("unknown kind of storage")
    return opened


class RateLimiter:
    """All rates of each principal. Without a rate nothing is counted."""

    def __init__(self, rates: str, url: str) -> None:
        # The shortest first: requests that it rejects do not count toward the others.
        self._rates = sorted(parse(rates), key=RateLimitItem.get_expiry)
        self._limiter = SlidingWindowCounterRateLimiter(storage(url)) if self._rates else None
        self._unavailable_until = 0.0

    async def count(self, principal: str) -> None:
        """Count one request. Raises RequestError (429) above the limit."""
        if self._limiter is None or time.monotonic() < self._unavailable_until:
            return
        try:
            async with asyncio.timeout(STORAGE_TIMEOUT):
                exceeded = await self._exceeded(self._limiter, principal)
        except Exception as error:
            # Fail open: an unavailable storage must not become an outage.
            self._unavailable_until = time.monotonic() + RETRY_AFTER
            log.warning("requests cannot be counted", reason=str(error) or "no answer in time")
            return
        if exceeded:
            rate, reset = exceeded
            seconds = max(1, math.ceil(reset - time.time()))
            raise too_many_requests(f"Rate limit of {rate} exceeded. Try again in {seconds} s.", seconds)

    async def _exceeded(
        self, limiter: SlidingWindowCounterRateLimiter, principal: str
    ) -> tuple[RateLimitItem, float] | None:
        """The rate that is exceeded, and the time at which it resets."""
        for rate in self._rates:
            if not await limiter.hit(rate, NAMESPACE, principal):
                return rate, (await limiter.get_window_stats(rate, NAMESPACE, principal)).reset_time
        return None
