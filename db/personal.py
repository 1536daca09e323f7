"""What is personal of a customer: in its row, words and history, and nowhere else.

Outcomes are kept without it. When one is told again, it is read as it was then, or else as erased.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import orjson

from db import customers, history
from db.history import PERSONAL
from db.models import Change, Customer
from db.reader import Reader

ERASED = "erased"
# A customer's id, and its version.
Version = tuple[int, int]
Values = dict[str, Any]


def erased_values(customer_id: int) -> Values:
    """What stands in the place of what was personal."""
    return {"username": f"{ERASED}-{customer_id}", "name": ERASED, "email": None}


def erased_fields(change: Change) -> str:
    """The `fields` of a change of a customer without what was personal in them."""
    sides = history.differences(change)
    left = {name: (None, None) if name in PERSONAL else side for name, side in sides.items()}
    return orjson.dumps(left).decode()


async def then(reader: Reader, versions: Collection[Version]) -> dict[Version, Values]:
    """What was personal of customers at a version of each.

    That is what their rows have now, with all that was changed since taken back: one statement for the rows,
    and one for each page of changes.
    """
    if not versions:
        return {}
    asked: dict[int, list[int]] = defaultdict(list)
    for customer_id, version in versions:
        asked[customer_id].append(version)
    # First of all: what is committed after it is in the history by the time that is read.
    rows = {row.id: row for row in await customers.get_many(reader, "id", list(asked))}
    older = {each: min(known) for each, known in asked.items() if _is_older(min(known), rows.get(each))}
    before: dict[Version, Values] = {each: {} for each in versions}
    async for change in history.since(reader, Customer.__name__, older):
        taken_back = {name: side[0] for name, side in history.differences(change).items() if name in PERSONAL}
        for version in asked[change.object_id]:
            if version < change.version:
                # The oldest of the changes is the one that knows.
                known = before[change.object_id, version]
                before[change.object_id, version] = taken_back | known
    return {each: _values(each[0], rows.get(each[0]), before[each]) for each in versions}


def _is_older(version: int, row: Customer | None) -> bool:
    return row is None or version < row.version


def _values(customer_id: int, row: Customer | None, before: Values) -> Values:
    now = {name: getattr(row, name) for name in PERSONAL} if row else {}
    found = {name: value for name, value in (now | before).items() if value is not None}
    return erased_values(customer_id) | found
