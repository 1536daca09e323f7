"""Batch mutations: each item is decoded on its own and has its own result."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Any, NamedTuple

import strawberry

from db import domain_errors
from db.batches import item_results
from db.batches.item_results import ItemResult
from graph.context import Write
from graph.mutations.input_rules import InputValidator
from graph.mutations.options import MutationInput
from graph.mutations.user_errors import UserError, UserErrorCode, to_user_error

MAX_ITEMS, MAX_TOTAL_LINES = 200, 1_000


@strawberry.enum(description="How a batch treats items with user errors.")
class BatchMode(Enum):
    ALL_OR_NOTHING = strawberry.enum_value(
        "ALL_OR_NOTHING", description="If any item has user errors, nothing is stored."
    )
    EACH = strawberry.enum_value(
        "EACH", description="Items without user errors are stored, in one transaction."
    )


@strawberry.enum(description="What a batch did with an item.")
class ItemOutcome(Enum):
    CREATED = strawberry.enum_value(item_results.CREATED, description="The object was created.")
    UPDATED = strawberry.enum_value(item_results.UPDATED, description="The object was changed.")
    UNCHANGED = strawberry.enum_value(
        item_results.UNCHANGED, description="The object had these values already."
    )


@strawberry.input
class BatchInput(MutationInput):
    mode: BatchMode = strawberry.field(
        default=BatchMode.ALL_OR_NOTHING, description="How to treat items with user errors."
    )


class BatchItemResult(NamedTuple):
    """The source of one item's result in a batch payload."""

    row: Any
    outcome: str | None
    user_errors: list[UserError]


class Decoded(NamedTuple):
    """A decoded item and the user errors of its input; with errors it has only the valid parts."""

    content: Any
    user_errors: list[UserError]


async def write_batch(write: Write, work: Any, sent: Any) -> list[BatchItemResult]:
    """A result per item, in their order. Raises InvalidInput for errors of the whole batch.

    `work(transaction, items, all_or_nothing)` returns an Item for each.
    """
    check_batch_size(sent.items)
    items = [decode_item(item, index) for index, item in enumerate(sent.items)]
    stored = await store(write, work, items, sent.mode is BatchMode.ALL_OR_NOTHING)
    return [result(*each) for each in zip(stored, items, sent.items, range(len(items)), strict=True)]


def decode_item(sent: Any, index: int) -> Decoded:
    validator = InputValidator(item_path_prefix(index))
    return Decoded(sent.decode(validator), validator.errors)


async def store(
    write: Write, work: Any, items: Sequence[Decoded], all_or_nothing: bool
) -> Sequence[ItemResult]:
    """An Item for each. A batch that has nothing to store is only checked, and leaves its key unused."""
    contents = [item.content for item in items]
    valid = [not item.user_errors for item in items]
    if not any(valid) or (all_or_nothing and not all(valid)):
        found = await write.context.check(partial(item_results.check, work, contents))
        return found or [ItemResult()] * len(items)
    try:
        stored: Sequence[ItemResult] = await write(work, contents, all_or_nothing)
    except domain_errors.BatchRejected as refused:
        stored = refused.with_traceback(None).items
    return stored if len(stored) == len(items) else _with_invalid(stored, valid)


def _with_invalid(stored: Sequence[ItemResult], valid: Sequence[bool]) -> list[ItemResult]:
    """Results that an earlier version stored under a key: they leave out items with invalid input."""
    rest = iter(stored)
    return [next(rest) if each else ItemResult() for each in valid]


def result(item: ItemResult, decode_item: Decoded, sent: Any, index: int) -> BatchItemResult:
    violations = [
        to_user_error(each, sent, item_path_prefix(index)) for each in domain_errors.flatten(item.error)
    ]
    return BatchItemResult(item.row, item.result, [*decode_item.user_errors, *violations])


def item_path_prefix(index: int) -> str:
    return f"items.{index}."


def check_batch_size(sent: Sequence[Any]) -> None:
    """Raises InvalidInput for a batch without items, with too many items, or with too many lines in all."""
    validator = InputValidator()
    if not sent:
        validator.add(UserErrorCode.REQUIRED, "A batch has at least one item.", "items")
    if len(sent) > MAX_ITEMS:
        validator.add(UserErrorCode.TOO_LONG, f"A batch must have at most {MAX_ITEMS} items.", "items")
    if sum(len(getattr(item, "lines", None) or ()) for item in sent) > MAX_TOTAL_LINES:
        validator.add(
            UserErrorCode.TOO_LONG, f"A batch must have at most {MAX_TOTAL_LINES} lines in total.", "items"
        )
    validator.raise_errors()
