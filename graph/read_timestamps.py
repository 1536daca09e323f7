"""As of when the fields of one request are read."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

# Where a field stands in the answer, by response names alone: all elements of a list share it.
Place: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class When:
    """As of when a field is read, with all that is below it; one without a When is read as its parent is.

    A `pinned` one whose moment is None is read as its parent is too, or else at a moment just past; and if
    its moment is no longer kept, it is read at the present.
    """

    moment: datetime | None
    pinned: bool = False


class Times:
    """The moment of each place that has one of its own; it holds for all places below. None: the present."""

    def __init__(self) -> None:
        self._moments: dict[Place, datetime | None] = {}

    def __bool__(self) -> bool:
        return bool(self._moments)

    def set(self, place: Place, moment: datetime | None) -> None:
        self._moments[place] = moment

    def of(self, place: Place) -> datetime | None:
        """The moment that `place` is read at."""
        for depth in range(len(place), 0, -1):
            if place[:depth] in self._moments:
                return self._moments[place[:depth]]
        return None


def place_of(path: Any) -> Place:
    """The place of a path of graphql-core's."""
    return tuple(key for key in path.as_list() if isinstance(key, str))
