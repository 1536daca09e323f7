"""The GraphQL schema: all root fields of Query and Mutation."""

from functools import cache
from operator import attrgetter

import strawberry
from graphql import GraphQLOneOfDirective, GraphQLSchema
from strawberry.schema.config import StrawberryConfig

from graph import loaders
from graph.auth.scopes import Scope
from graph.mutations import customers, orders, payloads
from graph.mutations.payloads import mutation
from graph.mutations.user_errors import USER_ERRORS
from graph.types import federation
from graph.types.as_of import with_as_of
from graph.types.change_history import Change, history_of
from graph.types.connections.connection import CUSTOMER_ARGUMENTS, ORDER_ARGUMENTS, Connection, connection
from graph.types.connections.customer_connection import CustomerConnection
from graph.types.connections.search import SEARCH
from graph.types.fields import DEFINITION
from graph.types.objects import Customer, Node, Order
from graph.types.order_summary import OrderSummary, order_summary
from graph.types.requires_scope import RequiresScope
from graph.types.root_lookups import CustomerBy, OrderBy, lookup, node, nodes
from graph.types.scalars import SCALARS

DESCRIPTION = (
    "Customers and their orders. Lists are Relay connections, IDs are global, amounts and times"
    " are strings. Errors that a user can correct are in a payload's userErrors; all other "
    "errors have a code in extensions.code. Where a description names a scope, the caller's API"
    " key or token must have it."
)
# Strawberry's printer omits the descriptions of @oneOf and of the schema, so `sdl` adds them.
ONE_OF = "directive @oneOf on INPUT_OBJECT"


@strawberry.type(description="All queries.")
@with_as_of
class Query:
    customer: Customer | None = lookup(
        loaders.customers_by_unique,
        "Customer",
        CustomerBy,
        description="A customer by a unique key, archived or not; null if not found.",
    )
    customers: CustomerConnection | None = connection(
        "Query.customers",
        "customers",
        [*CUSTOMER_ARGUMENTS, SEARCH],
        scope=Scope.CUSTOMERS_READ,
        description="Customers, newest first by createdAt; with search, best match first.",
    )
    order: Order | None = lookup(
        loaders.orders_by_unique,
        "Order",
        OrderBy,
        description="An order by a unique key; null if not found.",
    )
    orders: Connection[Order] | None = connection(
        "Query.orders",
        "orders",
        ORDER_ARGUMENTS,
        scope=Scope.ORDERS_READ,
        description="Orders, newest first by placedAt.",
    )
    order_summary: list[OrderSummary] | None = order_summary(
        description=(
            "Counts and sums of orders, always grouped by currency. Groups without orders are omitted."
        )
    )
    history: Connection[Change] | None = history_of(
        description="Changes of an object, newest first, also of a deleted one."
    )
    node: Node | None = node(loaders.nodes_by_id, description="Any object by its ID; null if not found.")
    nodes: list[Node | None] | None = nodes(
        loaders.nodes_by_id,
        description="Objects by ID, in the order of the IDs, with null for those not found.",
    )


@strawberry.type(description="All mutations.")
class Mutation:
    create_customer: payloads.CreateCustomerPayload | None = mutation(
        resolver=customers.create, scope=Scope.CUSTOMERS_WRITE, description="Create a customer."
    )
    update_customer: payloads.UpdateCustomerPayload | None = mutation(
        resolver=customers.update,
        scope=Scope.CUSTOMERS_WRITE,
        description="Update a customer. Without expectedVersion the last write wins.",
    )
    archive_customer: payloads.ArchiveCustomerPayload | None = mutation(
        resolver=customers.archive,
        scope=Scope.CUSTOMERS_WRITE,
        description="Archive a customer: it gets no new orders and keeps its username.",
    )
    restore_customer: payloads.RestoreCustomerPayload | None = mutation(
        resolver=customers.restore,
        scope=Scope.CUSTOMERS_WRITE,
        description="Restore an archived customer.",
    )
    delete_customer: payloads.DeleteCustomerPayload | None = mutation(
        resolver=customers.delete,
        scope=Scope.CUSTOMERS_WRITE,
        description="Delete a customer without orders.",
    )
    erase_customer: payloads.EraseCustomerPayload | None = mutation(
        resolver=customers.erase,
        scope=Scope.CUSTOMERS_WRITE,
        description="Erase a customer's username, name and e-mail address, also from the history, and "
        "archive the customer. Orders stay, and the history still lists every change. For a deleted "
        "customer, erase the history.",
    )
    upsert_customers: payloads.UpsertCustomersPayload | None = mutation(
        resolver=customers.upsert_many,
        scope=Scope.CUSTOMERS_WRITE,
        description="Create or update customers, identified by username.",
    )
    create_order: payloads.CreateOrderPayload | None = mutation(
        resolver=orders.create,
        scope=Scope.ORDERS_WRITE,
        description="Create a PENDING order with either a total or lines.",
    )
    update_order: payloads.UpdateOrderPayload | None = mutation(
        resolver=orders.update,
        scope=Scope.ORDERS_WRITE,
        description="Update an order; lines and total only while it is PENDING. Without expectedVersion the "
        "last write wins.",
    )
    transition_order: payloads.TransitionOrderPayload | None = mutation(
        resolver=orders.transition, scope=Scope.ORDERS_WRITE, description="Change the status of an order."
    )
    delete_order: payloads.DeleteOrderPayload | None = mutation(
        resolver=orders.delete,
        scope=Scope.ORDERS_WRITE,
        description="Delete a PENDING or CANCELLED order.",
    )
    create_orders: payloads.CreateOrdersPayload | None = mutation(
        resolver=orders.create_many,
        scope=Scope.ORDERS_WRITE,
        description="Create PENDING orders, each with either a total or lines.",
    )
    upsert_orders: payloads.UpsertOrdersPayload | None = mutation(
        resolver=orders.upsert_many,
        scope=Scope.ORDERS_WRITE,
        description="Create or update orders, identified by reference.",
    )
    transition_orders: payloads.TransitionOrdersPayload | None = mutation(
        resolver=orders.transition_many,
        scope=Scope.ORDERS_WRITE,
        description="Change the status of orders.",
    )


def sdl() -> str:
    """The schema in GraphQL's schema definition language, as `schema.graphql` holds it."""
    described_one_of = f'"""{GraphQLOneOfDirective.description}"""\n{ONE_OF}'
    types = build().as_str().replace(ONE_OF, described_one_of, 1)
    return f'"""\n{DESCRIPTION}\n"""\nschema {{\n  query: Query\n  mutation: Mutation\n}}\n\n{types}\n'


def subgraph_sdl() -> str:
    """The same for a gateway of Apollo Federation to compose."""
    return federation.subgraph_sdl(sdl())


@strawberry.type(name="Query", description="All queries.")
class SubgraphQuery(Query):
    service: federation.Service = federation.service(subgraph_sdl)
    entities: list[federation.Entity | None] = federation.entities()


@cache
def build(*, suggestions: bool = True, subgraph: bool = False) -> strawberry.Schema:
    """The schema, made once; without `suggestions` errors do not say what a field might have been called.

    A `subgraph` has the fields that a gateway of Apollo Federation asks for.
    """
    scalars = {**SCALARS, **federation.ANY_SCALAR} if subgraph else SCALARS
    config = StrawberryConfig(scalar_map=scalars, disable_field_suggestions=not suggestions)
    query = SubgraphQuery if subgraph else Query
    built = strawberry.Schema(query, Mutation, config=config, types=USER_ERRORS)
    built._schema.description = DESCRIPTION
    _describe_scopes(built._schema)
    _sort(built._schema)
    return built


def _describe_scopes(schema: GraphQLSchema) -> None:
    # Introspection has no applied directives, so tools would not show the required scopes.
    for kind in schema.type_map.values():
        for named in (kind, *getattr(kind, "fields", {}).values()):
            definition = named.extensions.get(DEFINITION)
            for each in getattr(definition, "directives", None) or ():
                if isinstance(each, RequiresScope):
                    named.description = f"{named.description} Requires the scope `{each.scope}`."


def _sort(schema: GraphQLSchema) -> None:
    """Sort introspection by name, so that schema diffs are small.

    graphql-core's lexicographic_sort_schema also sorts fields, and Strawberry does not know its copies.
    """
    schema.type_map = dict(sorted(schema.type_map.items()))
    schema.directives = tuple(sorted(schema.directives, key=attrgetter("name")))
    for implementations in schema._implementations_map.values():
        implementations.objects.sort(key=attrgetter("name"))
