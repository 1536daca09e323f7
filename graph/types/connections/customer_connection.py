"""CustomerConnection: the connection of `Query.customers`, with search."""

import strawberry

from graph.types.connections.connection import Connection
from graph.types.connections.search import best_first
from graph.types.fields import computed
from graph.types.objects import Customer


@strawberry.type(description="A page of customers, each with its cursor.")
class CustomerConnection(Connection[Customer]):
    best_first: bool | None = computed(
        lambda slice_: best_first(slice_.spec),
        description="Whether the best matches of search come first; false where there are too many to rank "
        "and the newest do; null without search.",
    )
