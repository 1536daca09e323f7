"""`snapshot` on connections: reads all pages as of one timestamp (stale reads)."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any

import strawberry

from db.pagination.keyset import ConnectionSpec
from graph.errors import BadUserInput
from graph.read_timestamps import ReadTimestamp
from graph.types.fields import argument, column


@strawberry.enum(description="As of when the pages of a connection are read.")
class SnapshotMode(Enum):
    LATEST = strawberry.enum_value("LATEST", description="Each page as it is when it is read.")
    PINNED = strawberry.enum_value(
        "PINNED",
        description="The first page at the present, all that follow by its cursors at the same moment.",
    )


@strawberry.type(description="The moment that a page and all below it was read at.")
class Snapshot:
    at: datetime | None = column("The moment, a whole millisecond; null when the page shows the present.")
    pinned: bool = column(
        "Whether the page shows its moment; false when that is no longer kept, and the present was read."
    )


SNAPSHOT = argument(
    "snapshot",
    SnapshotMode | None,
    "PINNED reads all pages at the moment of the first, which pageInfo.snapshot states; send it with every "
    "page. On SQLite it is refused with AS_OF_UNAVAILABLE.",
    default=SnapshotMode.LATEST,
)


def is_pinned(arguments: Mapping[str, Any]) -> bool:
    return arguments.get("snapshot") is SnapshotMode.PINNED


def read_timestamp(scope: ConnectionSpec, arguments: Mapping[str, Any]) -> ReadTimestamp | None:
    """The read timestamp of a page, taken from its cursor. Raises BadUserInput and InvalidCursor."""
    if not is_pinned(arguments):
        return None
    cursors = [arguments[name] for name in ("after", "before") if arguments.get(name) is not None]
    moments = {moment for moment in map(scope.moment, cursors) if moment}
    if len(moments) > 1:
        raise BadUserInput("after and before are of two snapshots.")
    return ReadTimestamp(moments.pop() if moments else None, pinned=True)
