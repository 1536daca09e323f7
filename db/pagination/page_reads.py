"""Reads pages and counts of connections, each for all its parents together."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, NamedTuple

from db.pagination import covering_indexes, keyset, page_sql
from db.pagination.filters import MATCH_ALL
from db.pagination.keyset import ConnectionSpec, CountedParent, Page, Parent, Slice, Snapshot
from db.pagination.page_sql import EARLIER, LATER, SHOWN, CompileTarget
from db.reader import Reader

# A parent with more than this many times the page's rows is read by itself, by its index, in order.
LARGE_PARENT_PAGES = 4
# What can be selected of a page itself.
ROWS, HAS_NEXT, HAS_PREVIOUS = "rows", "has_next", "has_previous"
PAGE_ATTRIBUTES = frozenset({ROWS, HAS_NEXT, HAS_PREVIOUS})


class Count(NamedTuple):
    """How many rows there are; not `exact` when there are more than were counted."""

    value: int
    exact: bool


async def read(
    reader: Reader, page: Page, parents: Sequence[Parent], selected: frozenset[str] | None = None
) -> list[Slice[Any]]:
    """A page for each parent, in their order; the one parent of a scope without any is None.

    `selected` names what is read of it, by default everything: ROWS, HAS_NEXT, HAS_PREVIOUS, and the rows'
    columns. The rows have at least these.
    """
    page = replace(page, spec=replace(page.spec, restricted=reader.owner is not None))
    snapshot = keyset.snapshot(page, reader.read_timestamp)
    columns = None
    if selected is not None:
        page = replace(page, has_next=HAS_NEXT in selected, has_previous=HAS_PREVIOUS in selected)
        columns = selected - PAGE_ATTRIBUTES
        if selected.isdisjoint(PAGE_ATTRIBUTES):
            return [_cut(page, parent, [], set(), snapshot) for parent in parents]
    few, many = await _by_size(reader, page, parents)
    fetched = covering_indexes.fetched_columns(page.spec, columns)
    width = len(fetched)
    row_type = covering_indexes.row_type(page.spec.table, fetched)
    shown: dict[int | None, list[Any]] = defaultdict(list)
    sides: set[tuple[int | None, int]] = set()
    place = fetched.index(page.spec.parent) if page.spec.parent else None
    nothing = page.spec.parent is not None and not few and not many
    target = CompileTarget(reader.dialect, reader.owner)
    for statement in () if nothing else page_sql.page_statements(page, fetched, few, many, target):
        for found in await reader.fetch(statement):
            parent = None if place is None else found[place]
            if found[width] == SHOWN:
                shown[parent].append(row_type._make(found[:width]))
            else:
                sides.add((parent, found[width]))
    return [_cut(page, parent, shown[_id(parent)], sides, snapshot) for parent in parents]


async def count(reader: Reader, spec: ConnectionSpec, parents: Sequence[Parent], limit: int) -> list[Count]:
    """How many rows each parent has, counted no further than `limit`."""
    found: dict[int | None, int] = {}
    if spec.where == MATCH_ALL:
        found.update(_known_sizes(reader, parents))
    others = [each for each in map(_id, parents) if each not in found]
    target = CompileTarget(reader.dialect, reader.owner)
    for statement in page_sql.count_statements(spec, others, limit, target) if others else ():
        found.update(tuple(row) for row in await reader.fetch(statement))
    counts = [found[_id(parent)] for parent in parents]
    return [Count(min(each, limit), each <= limit) for each in counts]


async def _by_size(reader: Reader, page: Page, parents: Sequence[Parent]) -> tuple[list[int], list[int]]:
    """The IDs of parents that have few children, and of those that have many.

    The sizes that the parents' rows do not say are counted, up to a limit.
    """
    if page.spec.parent is None:
        return [], []
    most = LARGE_PARENT_PAGES * (page.size + 1)
    sizes = _known_sizes(reader, parents)
    ids = list(dict.fromkeys(each for each in map(_id, parents) if each is not None))
    others = [each for each in ids if each not in sizes]
    target = CompileTarget(reader.dialect, reader.owner)
    for statement in page_sql.parent_size_statements(page.spec, others, most, target) if others else ():
        sizes.update(tuple(row) for row in await reader.fetch(statement))
    few = [each for each in ids if 0 < sizes[each] < most]
    return few, [each for each in ids if sizes[each] >= most]


def _id(parent: Parent) -> int | None:
    return parent.id if isinstance(parent, CountedParent) else parent


def _known_sizes(reader: Reader, parents: Sequence[Parent]) -> dict[int | None, int]:
    """By ID. A stale read trusts none: its timestamp may be earlier than the column, or the parent's read."""
    if reader.read_timestamp is not None:
        return {}
    return {each.id: each.children for each in parents if isinstance(each, CountedParent)}


def _cut(
    page: Page,
    parent: Parent,
    rows: list[Any],
    sides: set[tuple[int | None, int]],
    snapshot: Snapshot | None,
) -> Slice[Any]:
    """Without the extra row, in the scope's order."""
    rows.sort(key=attrgetter(*page.spec.sort.keys), reverse=page.spec.sort.descending != page.backward)
    more = len(rows) > page.size
    kept = rows[: page.size]
    if page.backward:
        kept.reverse()
    earlier = (_id(parent), EARLIER) in sides or (more and page.backward)
    later = (_id(parent), LATER) in sides or (more and not page.backward)
    return Slice(
        page.spec,
        parent,
        kept,
        has_next=later if page.has_next else None,
        has_previous=earlier if page.has_previous else None,
        snapshot=snapshot,
    )
