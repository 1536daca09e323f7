"""What a field costs before it is run, by its arguments: one point for a row read, or for 50 values shown."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias


class FieldCost(NamedTuple):
    """`own` once for each parent; what is selected below counts `rows` times, a list's or a page's length.

    `surcharge` is what no index costs of `own`; a field with `again` costs its parent's surcharge, too.
    """

    own: int
    rows: int = 1
    surcharge: int = 0
    again: bool = False


CostRule: TypeAlias = FieldCost | Callable[[Mapping[str, Any]], FieldCost]

ONE = FieldCost(1)
MUTATION = FieldCost(10)
# Orders have a few lines; the 200 that they may have would price the rare case.
LINES = FieldCost(10, 10)

COUNTED_PER_POINT = 100
# Values of the response, leaves of scalars and enums, that cost one point.
VALUES_PER_POINT = 50
# How many items lists have whose rows are on their parent's row; JSON that holds lines counts as many values.
# Up to 20 changes follow a version, usually one or two.
CHANGED_FIELDS, JSON_VALUES, CHANGES_SINCE = 5, 10, 10
UNINDEXED, UNINDEXED_NESTED = 1_000, 50
ENTRIES, CURRENCIES = 20, 3


def page(size: int, *, served: bool, within: bool) -> FieldCost:
    """A page's rows, and the surcharge where no index serves its filter and sort together."""
    surcharge = 0 if served else unindexed(within=within)
    return FieldCost(1 + size + surcharge, size, surcharge)


def unindexed(*, within: bool) -> int:
    """For a filter that may read the whole table, or `within` a parent no more than the parent's rows."""
    return UNINDEXED_NESTED if within else UNINDEXED


def counted(limit: int) -> FieldCost:
    """Counting reads index entries up to the limit, and makes no objects of them.

    It reads what the page reads, over again: without an index that is the whole table for a few rows.
    """
    return FieldCost(1 + limit // COUNTED_PER_POINT, again=True)


def stats(*, within: bool) -> FieldCost:
    """The sums of one parent read its rows, and have an entry for each currency, of which there are few."""
    own = unindexed(within=within)
    return FieldCost(own, CURRENCIES, own - UNINDEXED_NESTED)


def summary(limit: int | None) -> FieldCost:
    """The whole table may be read, and what is selected counts for each entry that is asked for."""
    return FieldCost(UNINDEXED, ENTRIES if limit is None else limit)


def mutation(items: Sequence[Any] | None) -> FieldCost:
    """A batch's results and user errors count once for each of its items."""
    return FieldCost(MUTATION.own, len(items)) if items else MUTATION


def each(items: Sequence[Any]) -> FieldCost:
    """One point for each item of a list argument."""
    return FieldCost(len(items), len(items))
