"""Relay connections: pagination arguments, edges, PageInfo and totalCount."""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import strawberry
from strawberry.types.arguments import StrawberryArgument

from db.pagination import covering_indexes, filters, index_usage
from db.pagination.filters import NOT_ARCHIVED, Every
from db.pagination.keyset import ConnectionSpec, CountedParent, Page, Slice
from db.pagination.page_reads import HAS_NEXT, HAS_PREVIOUS, ROWS
from graph import loaders
from graph.auth import scopes
from graph.errors import BadUserInput
from graph.types import field_costs
from graph.types.arguments import once
from graph.types.connections.order_by import CustomerOrder, OrderOrder, sort
from graph.types.connections.search import apply_search, search_count_limit
from graph.types.connections.snapshot import SNAPSHOT, Snapshot, is_pinned, read_timestamp
from graph.types.connections.where import WHERES, CustomerWhere, OrderWhere, condition
from graph.types.field_costs import FieldCost, counted
from graph.types.fields import Load, argument, batched, column, computed

NodeT = TypeVar("NodeT")
DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_COUNT = 20, 100, 10_000

BOUND = (
    "It must come from the same field with the same orderBy and where, and for customers the same search "
    "and includeArchived."
)
UNINDEXED = "Filters without an index cost more, and may end with TIMEOUT."

PAGING = [
    argument("first", int | None, "Page size, from the front: 20 by default, 100 at most."),
    argument("after", str | None, f"Return objects after this cursor. {BOUND}"),
    argument("last", int | None, "Page size, from the back: 100 at most; not together with first."),
    argument("before", str | None, f"Return objects before this cursor. {BOUND}"),
    SNAPSHOT,
]
CUSTOMER_ARGUMENTS = [
    *PAGING,
    argument("where", CustomerWhere | None, f"Return only customers that match this filter. {UNINDEXED}"),
    argument(
        "order_by",
        list[CustomerOrder] | None,
        "Sort order: [CREATED_AT], [USERNAME] or [NAME]. Newest first by createdAt if omitted.",
    ),
    argument(
        "include_archived",
        bool | None,
        "Whether to include archived customers.",
        default=False,
    ),
]
ORDER_ARGUMENTS = [
    *PAGING,
    argument("where", OrderWhere | None, f"Return only orders that match this filter. {UNINDEXED}"),
    argument(
        "order_by",
        list[OrderOrder] | None,
        "Sort order: [PLACED_AT], [CREATED_AT], [STATUS, PLACED_AT], or [TOTAL] with one currency "
        "in where. Newest first by placedAt if omitted.",
    ),
]


class EdgeRow(NamedTuple):
    """A row with its cursor."""

    cursor: str
    node: Any


def edges(slice_: Slice[Any]) -> list[EdgeRow]:
    return [EdgeRow(slice_.cursor(row), row) for row in slice_.rows]


def start_cursor(slice_: Slice[Any]) -> str | None:
    return slice_.cursor(slice_.rows[0]) if slice_.rows else None


def end_cursor(slice_: Slice[Any]) -> str | None:
    return slice_.cursor(slice_.rows[-1]) if slice_.rows else None


@strawberry.type(description="Cursors of a page, and whether there are more pages.")
class PageInfo:
    has_next_page: bool = computed(
        lambda slice_: slice_.has_next, HAS_NEXT, description="Whether there are objects after this page."
    )
    has_previous_page: bool = computed(
        lambda slice_: slice_.has_previous,
        HAS_PREVIOUS,
        description="Whether there are objects before this page.",
    )
    start_cursor: str | None = computed(
        start_cursor, ROWS, description="The cursor of the first object; null on an empty page."
    )
    end_cursor: str | None = computed(
        end_cursor, ROWS, description="The cursor of the last object; null on an empty page."
    )
    snapshot: Snapshot | None = computed(
        lambda slice_: slice_.snapshot,
        description="The read timestamp of the page if snapshot is PINNED, otherwise null.",
    )


@strawberry.type(description="An object of a connection with its cursor.")
class Edge(Generic[NodeT]):
    cursor: str = column("Opaque cursor of this object, for after or before.")
    node: NodeT = column("The object.")


@strawberry.type(description="The number of objects of a connection, counted up to a limit.")
class Count:
    value: int = column("The count, or the limit if there are more objects.")
    exact: bool = column("Whether value is the exact number.")


def count_plan(slice_: Slice[Any], arguments: Mapping[str, Any]) -> Load:
    return Load(slice_.parent, (slice_.spec, search_count_limit(slice_.spec, count_limit(arguments))))


def count_limit(arguments: Mapping[str, Any]) -> int:
    limit: int | None = arguments.get("limit")
    limit = MAX_COUNT if limit is None else limit
    if not 0 <= limit <= MAX_COUNT:
        raise BadUserInput(f"limit must be from 0 to {MAX_COUNT}.")
    return limit


@strawberry.type(description="A page of a list, as Relay defines connections.")
class Connection(Generic[NodeT]):
    edges: list[Edge[NodeT]] = computed(
        edges, ROWS, description="The objects of this page with their cursors."
    )
    nodes: list[NodeT] = computed(
        lambda slice_: slice_.rows,
        ROWS,
        description="The objects of this page without cursors.",
    )
    page_info: PageInfo = computed(
        lambda slice_: slice_, description="Cursors of this page, and whether there are more pages."
    )
    total_count: Count = batched(
        loaders.counts,
        count_plan,
        [
            argument(
                "limit",
                int | None,
                f"How far to count: {MAX_COUNT} by default and at most.",
                default=MAX_COUNT,
            )
        ],
        # The connection that this field belongs to requires a scope already.
        scope=None,
        description="The number of objects on all pages, counted only when selected.",
        cost=lambda arguments: counted(count_limit(arguments)),
    )


def connection(
    field: str,
    table: str,
    arguments: Sequence[StrawberryArgument],
    *,
    scope: scopes.Scope,
    description: str,
    parent: str | None = None,
    children: str | None = None,
) -> Any:
    """A root connection, or one of a parent, whose ID is in the children's column `parent`.

    The parent's column `children` counts all its children.
    """

    def requested_page(sent: Mapping[str, Any]) -> Page:
        where = condition(WHERES[table], sent.get("where"))
        if table == "customers" and not sent.get("include_archived"):
            where = Every((NOT_ARCHIVED, where))
        scope = ConnectionSpec(field, table, sort(table, sent.get("order_by"), where), where, parent)
        return parse_page(apply_search(scope, sent), sent)

    def plan(source: Any, sent: Mapping[str, Any]) -> Load:
        page = once(requested_page, sent)
        key = CountedParent(source.id, getattr(source, children)) if children else None
        return Load(key, (page,), read_timestamp(page.spec, sent))

    def cost(sent: Mapping[str, Any]) -> FieldCost:
        page = once(requested_page, sent)
        where = page.spec.where
        indexed = index_usage.is_bounded(table, page.spec.sort, where, parent)
        return field_costs.page(
            page.size, indexed=indexed, nested=bool(parent) and not filters.has_relation_filter(where)
        )

    return batched(
        loaders.pages,
        plan,
        arguments,
        scope=scope,
        description=description,
        cost=cost,
        columns=("id", children) if children else (),
        rows=covering_indexes.ROWS[table].__name__,
    )


def parse_page(scope: ConnectionSpec, arguments: Mapping[str, Any]) -> Page:
    """The page for pagination arguments; null counts as absent. Raises BadUserInput or InvalidCursor."""
    first, last = arguments.get("first"), arguments.get("last")
    after, before = arguments.get("after"), arguments.get("before")
    if first is not None and last is not None:
        raise BadUserInput("first and last cannot be used together.")
    for name, number in (("first", first), ("last", last)):
        if number is not None and not 0 <= number <= MAX_PAGE_SIZE:
            raise BadUserInput(f"{name} must be from 0 to {MAX_PAGE_SIZE}.")
    size = last if last is not None else first if first is not None else DEFAULT_PAGE_SIZE
    return Page(
        scope,
        size,
        backward=last is not None,
        after=None if after is None else scope.key(after),
        before=None if before is None else scope.key(before),
        pinned=is_pinned(arguments),
    )
