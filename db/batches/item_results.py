"""One item of a batch, and what became of it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from db.audit import audit_log
from db.domain_errors import BatchRefused, Refused, flat
from db.reader import Reader

CREATED, UPDATED, UNCHANGED = "CREATED", "UPDATED", "UNCHANGED"


class Item(NamedTuple):
    """The row as it is now and what was done to it, or why it was refused."""

    row: Any = None
    done: str | None = None
    refused: Refused | None = None


def attempt(make: Callable[..., Item], *arguments: Any) -> Item:
    """The Item that `make` gives, or one of its refusal, which spoils no other."""
    try:
        return make(*arguments)
    except Refused as refused:
        return Item(refused=refused)


async def settle(reader: Reader, items: Sequence[Item], all_or_nothing: bool) -> None:
    """Before any is stored: tell each VersionConflict the changes since.

    Raises BatchRefused if any item was refused and none is to be stored then.
    """
    await audit_log.fill_since(reader, [each for item in items for each in flat(item.refused)])
    if all_or_nothing and any(item.refused for item in items):
        raise BatchRefused(tuple(Item(refused=item.refused) for item in items))
