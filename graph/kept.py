"""Values made from texts, kept for those that were used last."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class Kept(Generic[V]):
    """At most `most` values, of texts of `characters` in all, none longer than `longest`.

    What a text is made into takes memory by its length, so the number alone would be no bound.
    """

    def __init__(self, most: int, characters: int, longest: int) -> None:
        self._most, self._characters, self._longest = most, characters, longest
        self._values: OrderedDict[str, V] = OrderedDict()
        self.characters = 0

    def __len__(self) -> int:
        return len(self._values)

    def get(self, text: str, make: Callable[[str], V]) -> V:
        """The value of `text`, made where it is not kept."""
        if text in self._values:
            self._values.move_to_end(text)
            return self._values[text]
        value = make(text)
        if len(text) <= self._longest:
            self._keep(text, value)
        return value

    def _keep(self, text: str, value: V) -> None:
        self._values[text] = value
        self.characters += len(text)
        while len(self._values) > self._most or self.characters > self._characters:
            oldest, _ = self._values.popitem(last=False)
            self.characters -= len(oldest)
