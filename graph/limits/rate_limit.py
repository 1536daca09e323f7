"""How often a principal may ask: the rate limit, counted here or where all instances count together."""

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
# Seconds that counting may take, and for which nothing is counted when it took longer or failed.
PATIENCE, PAUSE = 0.5, 5.0
# The client that Redis' own makers keep; the library's own choice wants another release of `packaging`.
REDIS = {"implementation": "redispy"}

log = structlog.get_logger("tidegraph")


def parse(rates: str) -> list[RateLimitItem]:
    """`100/second; 2000/minute` taken apart. Raises ValueError."""
    items = parse_many(rates) if rates.strip() else []
    if any(item.amount < 1 for item in items):
        raise ValueError
    return items


def storage(url: str) -> Storage:
    """Where requests are counted. Raises ValueError, which keeps the password that a URL may have."""
    try:
        opened = storage_from_string(f"async+{url}", **(REDIS if url.startswith("redis") else {}))
    except Exception as error:
        missing = str(error).partition(". ")[0] if "prerequisite" in str(error) else None
        raise ValueError(missing or "there is none of this kind") from None
    if not isinstance(opened, Storage):
        raise ValueError("there is none of this kind")
    return opened


class Rates:
    """All the rates that a principal keeps to; without one nothing is counted."""

    def __init__(self, rates: str, url: str) -> None:
        # The shortest first: what it refuses does not use up the others.
        self._rates = sorted(parse(rates), key=RateLimitItem.get_expiry)
        self._limiter = SlidingWindowCounterRateLimiter(storage(url)) if self._rates else None
        self._away_until = 0.0

    async def count(self, principal: str) -> None:
        """Count one request. Raises Rejected where it is one too many."""
        if self._limiter is None or time.monotonic() < self._away_until:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                refusal = await self._refusal(self._limiter, principal)
        except Exception as error:
            # Others may still be served: a limit that nobody can count is not worth an outage.
            self._away_until = time.monotonic() + PAUSE
            log.warning("requests cannot be counted", reason=str(error) or "no answer in time")
            return
        if refusal:
            rate, reset = refusal
            seconds = max(1, math.ceil(reset - time.time()))
            raise too_many_requests(f"You may send {rate}. Try again in {seconds} s.", seconds)

    async def _refusal(
        self, limiter: SlidingWindowCounterRateLimiter, principal: str
    ) -> tuple[RateLimitItem, float] | None:
        """The rate that is spent, and when there is more of it."""
        for rate in self._rates:
            if not await limiter.hit(rate, NAMESPACE, principal):
                return rate, (await limiter.get_window_stats(rate, NAMESPACE, principal)).reset_time
        return None
