"""The statuses of an order."""

from enum import Enum

import strawberry


@strawberry.enum(description="Where an order stands; transitionOrder moves it.")
class OrderStatus(Enum):
    PENDING = strawberry.enum_value("PENDING", description="Placed and not paid; it can still change.")
    PAID = strawberry.enum_value("PAID", description="Paid and not yet delivered.")
    FULFILLED = strawberry.enum_value("FULFILLED", description="Delivered to the customer.")
    CANCELLED = strawberry.enum_value("CANCELLED", description="Called off before it was paid; final.")
    REFUNDED = strawberry.enum_value("REFUNDED", description="Paid back to the customer; final.")
