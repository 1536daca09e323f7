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


@strawberry.enum(description="The read timestamp of the pages of a connection.")
class SnapshotMode(Enum):
    LATEST = strawberry.enum_value("LATEST", description="Each page shows the latest data.")
    PINNED = strawberry.enum_value(
        "PINNED",
        description=(
            "The first page shows the latest data; pages by its cursors show the data of the same time."
        ),
    )


@strawberry.type(description="The read timestamp of a page and everything below it.")
class Snapshot:
    at: datetime | None = column(
        "The read timestamp, in whole milliseconds; null if the page shows the latest data."
    )
    pinned: bool = column(
        "Whether the page was read as of that time; false if the database no longer has it, and the"
        " latest data was read."
    )


SNAPSHOT = argument(
    "snapshot",
    SnapshotMode | None,
    "PINNED reads all pages as of the first page's read timestamp, shown in pageInfo.snapshot; "
    "send it with every page. TiDB only: SQLite returns AS_OF_UNAVAILABLE.",
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
        raise BadUserInput(
            "after and before have different read timestamps. Use cursors of the same snapshot."
        )
    return ReadTimestamp(moments.pop() if moments else None, pinned=True)
