"""Query cost of fields, computed from their arguments: a point per row, or per 50 response values."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias


class FieldCost(NamedTuple):
    """`own` counts once per parent. Fields below count `rows` times: the length of a list or page.

    `surcharge` is the part of `own` that is due to an unindexed filter or sort. A field with
    `repeats_surcharge` also costs its parent's surcharge.
    """

    own: int
    rows: int = 1
    surcharge: int = 0
    repeats_surcharge: bool = False


CostRule: TypeAlias = FieldCost | Callable[[Mapping[str, Any]], FieldCost]

ONE = FieldCost(1)
MUTATION = FieldCost(10)
# Orders usually have a few lines. The maximum of 200 would overestimate almost all of them.
LINES = FieldCost(10, 10)

COUNTED_PER_POINT = 100
# Scalar and enum values in the response per cost point.
VALUES_PER_POINT = 50
# Estimated list lengths for lists that are read with their parent, and values in JSON that holds order lines.
# CHANGES_SINCE: up to 20 changes follow a version, usually one or two.
CHANGED_FIELDS, JSON_VALUES, CHANGES_SINCE = 5, 10, 10
UNINDEXED, UNINDEXED_NESTED = 1_000, 50
ENTRIES, CURRENCIES = 20, 3


def page(size: int, *, indexed: bool, nested: bool) -> FieldCost:
    """The rows of a page, plus a surcharge if no index covers its filter and sort together."""
    surcharge = 0 if indexed else unindexed(nested=nested)
    return FieldCost(1 + size + surcharge, size, surcharge)


def unindexed(*, nested: bool) -> int:
    """For a filter that may read the whole table; `nested`, at most the rows of one parent."""
    return UNINDEXED_NESTED if nested else UNINDEXED


def counted(limit: int) -> FieldCost:
    """totalCount reads index entries up to the limit and creates no rows.

    It repeats the page's read, so without an index it may read the whole table again.
    """
    return FieldCost(1 + limit // COUNTED_PER_POINT, repeats_surcharge=True)


def stats(*, nested: bool) -> FieldCost:
    """orderStats reads all orders of a parent, and returns an entry per currency."""
    own = unindexed(nested=nested)
    return FieldCost(own, CURRENCIES, own - UNINDEXED_NESTED)


def summary(limit: int | None) -> FieldCost:
    """orderSummary may read the whole table. Fields below count once per requested group."""
    return FieldCost(UNINDEXED, ENTRIES if limit is None else limit)


def mutation(items: Sequence[Any] | None) -> FieldCost:
    """Fields below a batch's results and user errors count once per item."""
    return FieldCost(MUTATION.own, len(items)) if items else MUTATION


def each(items: Sequence[Any]) -> FieldCost:
    """One point per item of a list argument."""
    return FieldCost(len(items), len(items))
