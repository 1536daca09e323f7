"""The object types Customer, Order and OrderLine. Every field reads a database row."""

from datetime import datetime
from typing import Any

import strawberry

from db.money import Money as MoneyRow
from db.orders import TRANSITIONS
from graph import loaders
from graph.auth.scopes import Scope
from graph.global_ids import GlobalId
from graph.types.change_history import Change, history
from graph.types.connections.connection import ORDER_ARGUMENTS, Connection, connection
from graph.types.field_costs import LINES
from graph.types.fields import column, computed, relation
from graph.types.id_only_rows import id_only_row
from graph.types.money import Money
from graph.types.order_stats import OrderStats, order_stats
from graph.types.order_status import OrderStatus
from graph.types.requires_scope import scope_directives


@strawberry.interface(description="An object with an id, which `node` finds again.")
class Node:
    id: strawberry.ID = computed(
        lambda row: GlobalId(type(row).__name__, row.id).encode(),
        "id",
        description="The opaque id of this object, unique among all objects.",
    )

    @classmethod
    def resolve_type(cls, row: Any, *_: object) -> str:
        return type(row).__name__


class RowType:
    """Resolves types by the row's class, because objects are rows and not instances of these types."""

    @classmethod
    def is_type_of(cls, row: Any, _info: object) -> bool:
        return type(row).__name__ == cls.__name__


@strawberry.type(description="Somebody who places orders.", directives=scope_directives(Scope.CUSTOMERS_READ))
class Customer(RowType, Node):
    username: str = column("The unique handle, case-sensitive, 1 to 250 characters.")
    name: str = column("The name as it was sent, 1 to 250 characters.")
    email: str | None = computed(
        lambda customer: customer.shown_email,
        "email",
        "entered_email",
        description="The e-mail address as it was entered, unique without case; null where there is none.",
    )
    version: int = column("It starts at 1 and every change raises it by 1.")
    created_at: datetime = column("When the customer was created.")
    updated_at: datetime = column("When the customer was last changed.")
    archived_at: datetime | None = column("When the customer was archived, null while active.")
    orders_count: int = column("How many orders the customer has, of any status.", scope=Scope.ORDERS_READ)
    orders: "Connection[Order]" = connection(
        "Customer.orders",
        "orders",
        ORDER_ARGUMENTS,
        scope=Scope.ORDERS_READ,
        parent="customer_id",
        children="orders_count",
        description="The customer's orders, the newest by placedAt first.",
    )
    order_stats: list[OrderStats] = order_stats(
        description="The customer's orders summed up, one entry a currency by its code; empty without orders."
    )
    history: Connection[Change] = history(
        "Customer", description="What was changed of the customer, the newest first."
    )


@strawberry.type(description="One line of an order.")
class OrderLine:
    position: int = column("The line's place in its order, from 1 on.")
    sku: str = column("The article's number as it was sent, 1 to 64 characters.")
    name: str = column("The article's name as it was sent, 1 to 250 characters.")
    quantity: int = column("How many, from 1 to 1,000,000.")
    unit_price: Money = computed(
        lambda row: MoneyRow(row.unit_price, row.currency),
        "unit_price",
        "currency",
        description="The price of one.",
    )
    total: Money = computed(
        lambda row: MoneyRow(row.total, row.currency),
        "unit_price",
        "quantity",
        "currency",
        description="The unit price times the quantity.",
    )


@strawberry.type(description="An order of one customer.", directives=scope_directives(Scope.ORDERS_READ))
class Order(RowType, Node):
    customer: Customer = relation(
        loaders.customers_of_orders,
        key="customer_id",
        scope=Scope.CUSTOMERS_READ,
        id_only_row=id_only_row("Customer"),
        description="Who placed the order.",
    )
    reference: str | None = column("The unique key of imports, null where there is none.")
    status: OrderStatus = column("Where the order stands.")
    total: Money = computed(
        lambda row: MoneyRow(row.total, row.currency),
        "total",
        "currency",
        description="What the order costs: the sum of its lines where it has any.",
    )
    placed_at: datetime = column("When the order was placed.")
    lines: list[OrderLine] = relation(
        loaders.lines_by_order_id,
        key="id",
        scope=Scope.ORDERS_READ,
        cost=LINES,
        description="The order's lines by position, empty where only a total was given.",
    )
    allowed_transitions: list[OrderStatus] = computed(
        lambda row: TRANSITIONS[row.status],
        "status",
        description="Where transitionOrder can move this order now.",
    )
    version: int = column("It starts at 1 and every change raises it by 1.")
    created_at: datetime = column("When the order was created here.")
    updated_at: datetime = column("When the order was last changed.")
    history: Connection[Change] = history(
        "Order", description="What was changed of the order and its lines, the newest first."
    )
