"""Values made from what is asked for, kept for what was asked for last."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """At most `most` values that weigh `weight` in all, none of them more than `heaviest`.

    What a long text or a large statement is made into takes memory by its size: their number is no bound.
    """

    def __init__(self, most: int, weight: int, heaviest: int) -> None:
        self._most, self._heaviest, self._limit = most, heaviest, weight
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self.weight = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K, make: Callable[[K], V], weight: int) -> V:
        """The value of `key`, made where it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key][0]
        value = make(key)
        if weight <= self._heaviest:
            self._keep(key, value, weight)
        return value

    def _keep(self, key: K, value: V, weight: int) -> None:
        self._values[key] = value, weight
        self.weight += weight
        while len(self._values) > self._most or self.weight > self._limit:
            _, (_, oldest) = self._values.popitem(last=False)
            self.weight -= oldest
