"""Read timestamps: the time as of which each field of a request is read (stale reads)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

# Response names from the root to a field; all items of a list share one path.
ResponsePath: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReadTimestamp:
    """The time as of which a field and everything below it is read. Fields without one use their parent's.

    With `pinned` and no `moment`, the parent's timestamp is used, or else one just before now. A pinned
    timestamp that has been garbage-collected falls back to the present.
    """

    moment: datetime | None
    pinned: bool = False


def response_path(path: Any) -> ResponsePath:
    """The response path of a graphql-core path, without list indexes."""
    return tuple(key for key in path.as_list() if isinstance(key, str))
