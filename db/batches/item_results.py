"""The result of one item of a batch, and the checks that all batches share."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from db import domain_errors
from db.audit import audit_log
from db.domain_errors import BatchRejected, DomainError
from db.reader import Reader, Transaction

CREATED, UPDATED, UNCHANGED = "CREATED", "UPDATED", "UNCHANGED"


class ItemResult(NamedTuple):
    """The row as it is now and what was done with it; without either, the item is not stored.

    `error` has the rules that it violates; an item with invalid input may violate none.
    """

    row: Any = None
    result: str | None = None
    error: DomainError | None = None


def refused_item(violations: Sequence[DomainError]) -> ItemResult:
    """The Item that violates these rules, if any."""
    return ItemResult(error=domain_errors.combine(violations) if violations else None)


async def require_storable(reader: Reader, items: Sequence[ItemResult], all_or_nothing: bool) -> None:
    """Complete each VersionConflict with the changes since; call it before anything is stored.

    Raises BatchRejected with `all_or_nothing` if any item is not to be stored.
    """
    await audit_log.load_changes_since(
        reader, [each for item in items for each in domain_errors.flatten(item.error)]
    )
    if all_or_nothing and any(item.result is None for item in items):
        raise BatchRejected(tuple(ItemResult(error=item.error) for item in items))


async def check(
    write: Callable[..., Awaitable[Any]], items: Sequence[Any], transaction: Transaction
) -> list[ItemResult]:
    """An Item with its violations for each of `items`; at least one is invalid, so nothing is stored."""
    try:
        await write(transaction, items, True)
    except BatchRejected as error:
        return list(error.items)
    raise ValueError("a batch with an invalid item was stored")
