"""What is personal of a customer: in its row, words and history, and nowhere else.

Outcomes are kept without it. When one is told again, it is read as it was then, or else as erased.
"""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

import orjson

from db import customers
from db.audit import audit_log
from db.audit.audit_log import PERSONAL_FIELDS
from db.models import Change, Customer
from db.reader import Reader

ERASED = "erased"
# A customer's id, and its version.
CustomerVersion = tuple[int, int]
PersonalValues = dict[str, Any]


def erased_values(customer_id: int) -> PersonalValues:
    """What stands in the place of what was personal."""
    return {"username": f"{ERASED}-{customer_id}", "name": ERASED, "email": None, "entered_email": None}


def erased_fields(change: Change) -> str:
    """The `fields` of a change of a customer without what was personal in them."""
    sides = audit_log.changed_fields(change)
    left = {name: (None, None) if name in PERSONAL_FIELDS else side for name, side in sides.items()}
    return orjson.dumps(left).decode()


async def personal_values_at(
    reader: Reader, versions: Collection[CustomerVersion]
) -> dict[CustomerVersion, PersonalValues]:
    """What was personal of customers at a version of each.

    That is what their rows have now, with all that was changed since taken back: one statement for the rows,
    and one for each page of changes.
    """
    if not versions:
        return {}
    # First of all: what is committed after it is in the history by the time that is read.
    found = await customers.get_many(reader, "id", list({each for each, _ in versions}))
    rows = {row.id: row for row in found}
    older = [(each, version) for each, version in versions if _is_older(version, rows.get(each))]
    before = await _before(reader, older)
    return {key: _values(key[0], rows.get(key[0]), before.get(key, {})) for key in versions}


def _is_older(version: int, row: Customer | None) -> bool:
    return row is None or version < row.version


async def _before(
    reader: Reader, versions: Collection[CustomerVersion]
) -> dict[CustomerVersion, PersonalValues]:
    """What the changes after each version took away; what they left as it was is not among it."""
    asked: dict[int, list[int]] = defaultdict(list)
    for customer_id, version in versions:
        asked[customer_id].append(version)
    taken: dict[CustomerVersion, PersonalValues] = defaultdict(dict)
    oldest = {each: min(known) for each, known in asked.items()}
    async for page in audit_log.changes_after(reader, Customer.__name__, oldest):
        for change in page:
            for key in [
                (change.object_id, each) for each in asked[change.object_id] if each < change.version
            ]:
                # The first change of a field is the one that knows.
                taken[key] = _before_change(change) | taken[key]
    return taken


def _before_change(change: Change) -> PersonalValues:
    return {
        name: side[0] for name, side in audit_log.changed_fields(change).items() if name in PERSONAL_FIELDS
    }


def _values(customer_id: int, row: Customer | None, before: PersonalValues) -> PersonalValues:
    now = audit_log.personal_values(row) if row else {}
    found = {name: value for name, value in (now | before).items() if value is not None}
    return erased_values(customer_id) | found
