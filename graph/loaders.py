"""Every batch function: a reader and many keys in, one result a key out, in the keys' order.

A key that finds nothing gets None, or the empty page or list; an error where null is not allowed. What stands
after the keys are the field's arguments, the same for all keys of a batch. One call is one statement for each
table it reads.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

from db import customers, order_lines, orders
from db.aggregation import order_aggregates
from db.aggregation.order_aggregates import Group, Summary
from db.errors import ParentDeleted
from db.models import Customer, Order, OrderLine
from db.pagination import page_reads
from db.pagination.filters import Condition
from db.pagination.keyset import ConnectionSpec, Page, Parent, Slice
from db.pagination.page_reads import Count
from db.reader import Reader
from db.search import customer_search
from db.search.customer_search import Search
from graph.global_ids import GlobalId


class Unique(NamedTuple):
    """One object by a unique column: its row id, username, email or reference; None finds nothing."""

    column: str
    value: Any


async def customers_by_id(reader: Reader, ids: Sequence[int | None]) -> list[Customer | None]:
    wanted = [each for each in ids if each is not None]
    rows = await customers.get_many(reader, "id", wanted) if wanted else []
    found: dict[int | None, Customer] = {row.id: row for row in rows}
    return [found.get(each) for each in ids]


async def customers_of_orders(reader: Reader, ids: Sequence[int]) -> list[Customer | ParentDeleted]:
    """ParentDeleted for an order in a replayed payload whose customer was deleted since."""
    return [customer or ParentDeleted() for customer in await customers_by_id(reader, ids)]


async def customers_by_unique(reader: Reader, keys: Sequence[Unique]) -> list[Customer | None]:
    return await _by_unique(customers.get_many, reader, keys)


async def orders_by_unique(reader: Reader, keys: Sequence[Unique]) -> list[Order | None]:
    return await _by_unique(orders.get_many, reader, keys)


async def nodes_by_id(reader: Reader, ids: Sequence[GlobalId | None]) -> list[Customer | Order | None]:
    readers: dict[str, Any] = {"Customer": customers.get_many, "Order": orders.get_many}
    found: dict[GlobalId | None, Customer | Order] = {}
    for kind, get_many in readers.items():
        wanted = [each.row_id for each in ids if each and each.kind == kind]
        if wanted:
            found |= {GlobalId(kind, row.id): row for row in await get_many(reader, "id", wanted)}
    return [found.get(each) for each in ids]


async def pages(
    reader: Reader, parents: Sequence[Parent], page: Page, selected: frozenset[str] | None = None
) -> list[Slice[Any]]:
    if isinstance(page.spec, Search):
        return [await customer_search.read(reader, page.spec, page) for _ in parents]
    return await page_reads.read(reader, page, parents, selected)


async def counts(reader: Reader, parents: Sequence[Parent], scope: ConnectionSpec, limit: int) -> list[Count]:
    if isinstance(scope, Search):
        return [await customer_search.count(reader, scope, limit) for _ in parents]
    return await page_reads.count(reader, scope, parents, limit)


async def lines_by_order_id(reader: Reader, ids: Sequence[int]) -> list[list[OrderLine]]:
    found = await order_lines.get_by_order(reader, ids)
    return [found.get(each, []) for each in ids]


async def order_summary(reader: Reader, roots: Sequence[None], summary: Summary) -> list[list[Group]]:
    found = await order_aggregates.summarize(reader, summary)
    return [found for _ in roots]


async def order_stats_by_customer_id(
    reader: Reader, ids: Sequence[int], where: Condition
) -> list[list[Group]]:
    found = await order_aggregates.summarize_by_customer(reader, ids, where)
    return [found.get(each, []) for each in ids]


async def _by_unique(get_many: Any, reader: Reader, keys: Sequence[Unique]) -> list[Any]:
    wanted: dict[str, list[Any]] = defaultdict(list)
    for key in keys:
        if key.value is not None:
            wanted[key.column].append(key.value)
    found = {
        Unique(column, getattr(row, column)): row
        for column, values in wanted.items()
        for row in await get_many(reader, column, values)
    }
    return [found.get(key) for key in keys]
