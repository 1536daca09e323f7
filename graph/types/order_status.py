"""The statuses of an order, as `db` defines them, with their descriptions."""

from typing import Any

import strawberry

from db.orders import OrderStatus as OrderStatus

DESCRIPTIONS = {
    OrderStatus.PENDING: "Placed and not paid; lines and total can still change.",
    OrderStatus.PAID: "Paid and not yet delivered.",
    OrderStatus.FULFILLED: "Delivered to the customer.",
    OrderStatus.CANCELLED: "Cancelled before payment; final.",
    OrderStatus.REFUNDED: "Refunded to the customer; final.",
}

strawberry.enum(OrderStatus, description="The status of an order; transitionOrder changes it.")
definition: Any = OrderStatus.__strawberry_definition__  # type: ignore[attr-defined]
for value in definition.values:
    value.description = DESCRIPTIONS[value.value]
