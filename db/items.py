"""One item of a batch, and what became of it."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from db import refusals
from db.refusals import Refused

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


def require_all(items: Sequence[Item]) -> None:
    """Raises BatchRefused if any item was refused: then none is to be stored."""
    if any(item.refused for item in items):
        raise refusals.BatchRefused(tuple(Item(refused=item.refused) for item in items))
