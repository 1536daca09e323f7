"""How often a principal may ask: the rate limit, counted here or where all instances count together."""

import math
import time

import structlog
from limits import RateLimitItem, parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.storage import storage_from_string

from graph.errors import too_many_requests

NAMESPACE = "tidegraph"

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
        opened = storage_from_string(f"async+{url}")
    except Exception as error:
        missing = str(error).partition(". ")[0] if "prerequisite" in str(error) else None
        raise ValueError(missing or "there is none of this kind") from None
    if not isinstance(opened, Storage):
        raise ValueError("there is none of this kind")
    return opened


class Rates:
    """All the rates that a principal keeps to; without one nothing is counted."""

    def __init__(self, rates: str, url: str) -> None:
        self._rates = parse(rates)
        self._limiter = SlidingWindowCounterRateLimiter(storage(url)) if self._rates else None

    async def count(self, principal: str) -> None:
        """Count one request. Raises Rejected where it is one too many."""
        if self._limiter is None:
            return
        try:
            spent = [rate for rate in self._rates if not await self._limiter.hit(rate, NAMESPACE, principal)]
            resets = [(await self._limiter.get_window_stats(rate, NAMESPACE, principal))[0] for rate in spent]
        except Exception as error:
            # Others may still be served: a limit that nobody can count is not worth an outage.
            log.warning("requests cannot be counted", reason=str(error))
            return
        if resets:
            seconds = max(1, math.ceil(max(resets) - time.time()))
            rate = "; ".join(map(str, spent))
            raise too_many_requests(f"You may send {rate}. Try again in {seconds} s.", seconds)
