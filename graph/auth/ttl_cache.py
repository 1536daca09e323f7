"""What was found a moment ago, so that it is not asked for again with each request."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """Values by text, each for some seconds, and at most so many of them: the oldest go first."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds = most, seconds
        self._known: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def get(self, text: str) -> T | None:
        """None where there is nothing, or nothing as young as that."""
        until, value = self._known.get(text, (0.0, None))
        return value if time.monotonic() < until else None

    def put(self, text: str, value: T) -> None:
        self._known.pop(text, None)
        self._known[text] = time.monotonic() + self._seconds, value
        if len(self._known) > self._most:
            self._known.popitem(last=False)
