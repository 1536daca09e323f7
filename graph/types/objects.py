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


@strawberry.interface(description="An object with a global ID, which node looks up.")
class Node:
    id: strawberry.ID = computed(
        lambda row: GlobalId(type(row).__name__, row.id).encode(),
        "id",
        description="Opaque global ID, unique among all objects.",
    )

    @classmethod
    def resolve_type(cls, row: Any, *_: object) -> str:
        return type(row).__name__


class RowType:
    """Resolves types by the row's class, because objects are rows and not instances of these types."""

    @classmethod
    def is_type_of(cls, row: Any, _info: object) -> bool:
        return type(row).__name__ == cls.__name__


@strawberry.type(
    description=("A customer, who places orders."), directives=scope_directives(Scope.CUSTOMERS_READ)
)
class Customer(RowType, Node):
    username: str = column("Unique username, case-sensitive, 1 to 250 characters.")
    name: str = column("The name as entered, 1 to 250 characters.")
    email: str | None = computed(
        lambda customer: customer.shown_email,
        "email",
        "entered_email",
        description="The e-mail address as entered, unique ignoring case.",
    )
    version: int = column("Version number: starts at 1, and every change raises it by 1.")
    created_at: datetime = column("The time when the customer was created.")
    updated_at: datetime = column("The time of the customer's last change.")
    archived_at: datetime | None = column("The time when the customer was archived; null if active.")
    orders_count: int = column("The number of the customer's orders, of any status.", scope=Scope.ORDERS_READ)
    orders: "Connection[Order]" = connection(
        "Customer.orders",
        "orders",
        ORDER_ARGUMENTS,
        scope=Scope.ORDERS_READ,
        parent="customer_id",
        children="orders_count",
        description="The customer's orders, newest first by placedAt.",
    )
    order_stats: list[OrderStats] = order_stats(
        description="Count and sum of the customer's orders, one entry per currency; empty without orders."
    )
    history: Connection[Change] = history("Customer", description="Changes of the customer, newest first.")


@strawberry.type(description="One line of an order.")
class OrderLine:
    position: int = column("The line's position in its order, from 1.")
    sku: str = column("Article number as entered, 1 to 64 characters.")
    name: str = column("Article name as entered, 1 to 250 characters.")
    quantity: int = column("The quantity, 1 to 1,000,000.")
    unit_price: Money = computed(
        lambda row: MoneyRow(row.unit_price, row.currency),
        "unit_price",
        "currency",
        description="The price of one unit.",
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
        description="The customer who placed the order.",
    )
    reference: str | None = column("Unique reference, such as the key of an import.")
    status: OrderStatus = column("The order's current status.")
    total: Money = computed(
        lambda row: MoneyRow(row.total, row.currency),
        "total",
        "currency",
        description="The order's total: the sum of its lines, if it has lines.",
    )
    placed_at: datetime = column("The time when the order was placed.")
    lines: list[OrderLine] = relation(
        loaders.lines_by_order_id,
        key="id",
        scope=Scope.ORDERS_READ,
        cost=LINES,
        description="The order's lines by position; empty if the order has a total only.",
    )
    allowed_transitions: list[OrderStatus] = computed(
        lambda row: TRANSITIONS[row.status],
        "status",
        description="The statuses that transitionOrder can set now.",
    )
    version: int = column("Version number: starts at 1, and every change raises it by 1.")
    created_at: datetime = column("The time when the order was created in this system.")
    updated_at: datetime = column("The time of the order's last change.")
    history: Connection[Change] = history(
        "Order", description="Changes of the order and its lines, newest first."
    )
