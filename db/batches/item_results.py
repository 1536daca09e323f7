"""The result of one item of a batch, and the checks that all batches share."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from db import domain_errors
from db.audit import audit_log
from db.domain_errors import BatchRefused, Refused
from db.reader import Reader, Transaction

CREATED, UPDATED, UNCHANGED = "CREATED", "UPDATED", "UNCHANGED"


class Item(NamedTuple):
    """The row as it is now and what was done with it; without either, the item is not stored.

    `refused` has the rules that it violates; an item with invalid input may violate none.
    """

    row: Any = None
    done: str | None = None
    refused: Refused | None = None


def refused_item(violations: Sequence[Refused]) -> Item:
    """The Item that violates these rules, if any."""
    return Item(refused=domain_errors.combined(violations) if violations else None)


async def require_storable(reader: Reader, items: Sequence[Item], all_or_nothing: bool) -> None:
    """Complete each VersionConflict with the changes since; call it before anything is stored.

    Raises BatchRefused with `all_or_nothing` if any item is not to be stored.
    """
    await audit_log.fill_since(reader, [each for item in items for each in domain_errors.flat(item.refused)])
    if all_or_nothing and any(item.done is None for item in items):
        raise BatchRefused(tuple(Item(refused=item.refused) for item in items))


async def check(
    write: Callable[..., Awaitable[Any]], items: Sequence[Any], transaction: Transaction
) -> list[Item]:
    """An Item with its violations for each of `items`; at least one is invalid, so nothing is stored."""
    try:
        await write(transaction, items, True)
    except BatchRefused as refused:
        return list(refused.items)
    raise ValueError("a batch with an invalid item was stored")
