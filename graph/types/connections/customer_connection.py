"""CustomerConnection: the connection of `Query.customers`, with search."""

import strawberry

from graph.types.connections.connection import Connection
from graph.types.connections.search import best_first
from graph.types.fields import computed
from graph.types.objects import Customer


@strawberry.type(description="A page of customers, as Relay defines connections.")
class CustomerConnection(Connection[Customer]):
    best_first: bool | None = computed(
        lambda slice_: best_first(slice_.spec),
        description="Whether search results are ranked, best match first. False if there are too many "
        "matches to rank: newest first. Null without search.",
    )
