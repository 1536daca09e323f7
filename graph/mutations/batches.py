"""Batches: many items in one input, each decoded by itself, and each with a result of its own."""

from collections.abc import Sequence
from enum import Enum
from typing import Any, NamedTuple

import strawberry

from db import domain_errors
from db.batches import item_results
from db.batches.item_results import Item
from graph.context import Write
from graph.mutations.input_rules import Problems
from graph.mutations.options import MutationInput
from graph.mutations.user_errors import UserError, UserErrorCode, user_error

MOST_ITEMS, MOST_LINES_IN_ALL = 200, 1_000


@strawberry.enum(description="What becomes of a batch when some of its items have mistakes.")
class BatchMode(Enum):
    ALL_OR_NOTHING = strawberry.enum_value("ALL_OR_NOTHING", description="Nothing is stored.")
    EACH = strawberry.enum_value("EACH", description="The others are stored, all in one transaction.")


@strawberry.enum(description="What was done with an item of a batch.")
class ItemOutcome(Enum):
    CREATED = strawberry.enum_value(item_results.CREATED, description="Its object is new.")
    UPDATED = strawberry.enum_value(item_results.UPDATED, description="Its object was changed.")
    UNCHANGED = strawberry.enum_value(item_results.UNCHANGED, description="Its object was like that already.")


@strawberry.input
class BatchInput(MutationInput):
    mode: BatchMode = strawberry.field(
        default=BatchMode.ALL_OR_NOTHING, description="What to do when some items have mistakes."
    )


class Result(NamedTuple):
    """What a result of a batch's payload is read from."""

    row: Any
    outcome: str | None
    user_errors: list[UserError]


async def write_batch(write: Write, work: Any, sent: Any) -> list[Result]:
    """A result for each item, in their order; items with mistakes of their own never reach `work`.

    `work(transaction, items, all_or_nothing)` gives an Item for each. Raises InvalidInput for the batch.
    """
    require_bounds(sent.items)
    found: list[Any] = [decoded(item, place) for place, item in enumerate(sent.items)]
    places = [place for place, each in enumerate(found) if not isinstance(each, Result)]
    all_or_nothing = sent.mode is BatchMode.ALL_OR_NOTHING
    if not places or (all_or_nothing and len(places) < len(found)):
        return [each if isinstance(each, Result) else Result(None, None, []) for each in found]
    try:
        done = await write(work, [found[place] for place in places], all_or_nothing)
    except domain_errors.BatchRefused as refused:
        done = refused.with_traceback(None).items
    for place, item in zip(places, done, strict=True):
        found[place] = result(item, sent.items[place], place)
    return found


def decoded(item: Any, place: int) -> Any:
    """What `work` gets, or the Result of an item that has mistakes."""
    problems = Problems(prefix_of(place))
    content = item.decode(problems)
    return Result(None, None, problems.found) if problems.found else content


def result(item: Item, sent: Any, place: int) -> Result:
    refused = [user_error(each, sent, prefix_of(place)) for each in domain_errors.flat(item.refused)]
    return Result(item.row, item.done, refused)


def prefix_of(place: int) -> str:
    return f"items.{place}."


def require_bounds(sent: Sequence[Any]) -> None:
    """Raises InvalidInput for a batch without items, with too many, or with too many lines in all."""
    problems = Problems()
    if not sent:
        problems.add(UserErrorCode.REQUIRED, "A batch has at least one item.", "items")
    if len(sent) > MOST_ITEMS:
        problems.add(UserErrorCode.TOO_LONG, f"At most {MOST_ITEMS} items.", "items")
    if sum(len(getattr(item, "lines", None) or ()) for item in sent) > MOST_LINES_IN_ALL:
        problems.add(UserErrorCode.TOO_LONG, f"At most {MOST_LINES_IN_ALL} lines in all.", "items")
    problems.done()
