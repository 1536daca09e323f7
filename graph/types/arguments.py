"""A field's arguments, read once for all objects that it is a field of."""

from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


class Remembered:
    """What functions gave the first time, or raised."""

    def __init__(self) -> None:
        self._known: dict[Hashable, tuple[Any, Exception | None]] = {}

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gave for this key. Raises what it raised."""
        if key not in self._known:
            try:
                self._known[key] = make(), None
            except Exception as error:
                self._known[key] = None, error
        value, raised = self._known[key]
        if raised is not None:
            raise raised.with_traceback(None)
        found: T = value
        return found


class Arguments(dict[str, Any]):
    """Arguments in snake_case, as a field's plan gets them; what `once` makes of them is kept beside them."""

    def __init__(self, sent: Mapping[str, Any]) -> None:
        super().__init__(sent)
        self.remembered = Remembered()


def once(make: Callable[[Mapping[str, Any]], T], sent: Mapping[str, Any]) -> T:
    """`make(sent)`: of Arguments not anew for each object, which takes long where a filter is large."""
    return sent.remembered.get(make, partial(make, sent)) if isinstance(sent, Arguments) else make(sent)
